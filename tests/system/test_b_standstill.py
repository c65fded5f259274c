"""Whatever holds the gate up, no tunnel outlives its deadline, and nothing begins without its record."""
import contextlib
import ctypes
import os
import shutil
import subprocess
import time

from own_agent import OwnAgent, says, seat, shut
from site_lab import AGENT, BUILD, Answer, ipv4, until
from test_2_boundaries import runs
from test_4_audit import FAILED, records
from world import expect, long_test, test

PTRACE_SEIZE, PTRACE_INTERRUPT, PTRACE_DETACH, WALL = 0x4206, 0x4207, 17, 0x40000000


@contextlib.contextmanager
def main_thread_held(pid):
    """The thread that runs the event loop stands still, as in a call that does not return; the process's other threads go on."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p]

    def ptrace(request):
        if libc.ptrace(request, pid, None, None) != 0:
            raise OSError(ctypes.get_errno(), "ptrace")

    ptrace(PTRACE_SEIZE)
    ptrace(PTRACE_INTERRUPT)
    os.waitpid(pid, WALL)
    try:
        yield
    finally:
        ptrace(PTRACE_DETACH)


@contextlib.contextmanager
def freezing_disk(agent):
    """The agent's state folder is a file system of its own. Yields what freezes it, so that no write to it returns, and thaws it."""
    def run(*words):
        return agent.lab.run(agent.seat, *words, check=True)

    def freeze(frozen):
        run("fsfreeze", "-f" if frozen else "-u", agent.state)

    image = os.path.join(agent.folder, "disk")
    os.makedirs(agent.state, mode=0o700)
    with open(image, "wb") as file:
        file.truncate(16 << 20)
    run("mkfs.ext4", "-q", image)
    run("mount", "-o", "loop", image, agent.state)
    run("chmod", "700", agent.state)
    try:
        yield freeze
    finally:
        agent.lab.run(agent.seat, "fsfreeze", "-u", agent.state)  # or the agent would not end
        agent.stop()
        run("umount", agent.state)


class StubbornAgent(OwnAgent):
    """Its tunnels read nothing, say nothing and never go by themselves."""

    def prepare(self):
        super().prepare()
        self.program = shutil.copy(AGENT, self.folder)
        shutil.copy(f"{BUILD}/bin/quoin-tunnel-stubborn", f"{self.folder}/quoin-tunnel")
        for program in ("quoin-snmp", "quoin-resolver"):
            shutil.copy(f"{BUILD}/bin/{program}", self.folder)

    def run_command(self):
        return [self.program, "run", "--config", self.config]


@test("gate held up: a tunnel that ignores its deadline is dead a second after it all the same")
def held_up(world):
    with StubbornAgent(seat(), "stubborn").start() as agent:
        began = time.monotonic()
        opening = agent.lab.start(agent.seat, AGENT, "open", "mfp", "--for", "2s", "--socket", agent.socket)
        until("the tunnel runs", agent.children, 1)
        tunnel = agent.children()[0]
        with main_thread_held(agent.process.pid):
            until("the tunnel is dead", lambda: not runs(tunnel), 6)
            took = time.monotonic() - began
        expect(2 < took < 4, f"it was dead {took:.1f} s after the open, not a second after its deadline of 2 s")
        expect(opening.wait(5) != 0, "an open that came to nothing is said to have worked")
        shut(agent)
        expect(agent.audit()[-1]["event"] == "closed" and agent.audit()[-1]["why"] == "the time was up", f"{agent.audit()[-1]}")


@long_test("disk frozen: the gate answers, opens nothing, begins no flow, ends what is open in its time, and the file is whole afterwards")
def frozen_disk(world):
    lab = world.lab
    world.engineer()
    agent = OwnAgent(lab, "frozen")
    with freezing_disk(agent) as freeze:
        agent.start()
        entry = agent.open("mfp", "15s")
        opened = time.monotonic()

        def page():
            return lab.run("support", "curl", "-sSk", "-m", 2, f"https://{ipv4(entry)}/")

        until("the page comes", lambda: "LAB C4500" in page().stdout, 10)
        tunnel = agent.children()[0]
        freeze(True)
        opening = lab.start(agent.seat, AGENT, "open", "laser", "--for", "30m", "--socket", agent.socket, stderr=subprocess.PIPE, text=True)
        time.sleep(1)
        before = time.monotonic()
        expect([each["device"] for each in agent.status()["open"]] == ["laser", "mfp"], f"{agent.status()}")
        expect(time.monotonic() - before < 2, "status waits for the disk")
        expect(page().returncode != 0, "a flow began without its record")
        until("the session has ended", lambda: not runs(tunnel), 18)
        expect(14 < time.monotonic() - opened < 18, f"it ended {time.monotonic() - opened:.1f} s after the open of 15 s")
        said = opening.communicate(timeout=25)[1]
        says(Answer(subprocess.CompletedProcess([], opening.returncode, "", said)), FAILED, "was not on disk within 20 seconds", "check the disk")
        shut(agent)
        expect("The audit file cannot be written" in agent.ok("status").out, "status does not say that the disk hangs")
        freeze(False)
        until("the agent writes again", lambda: agent.status()["audit_works"], 5)
        until("all is written", lambda: len([r for r in records(agent) if r["event"] == "closed"]) == 2, 5)
        expect(agent.ok("audit", "verify").code == 0, "the file is not whole")
        expect(agent.open("mfp"), "nothing opens after the disk is back")
        agent.close()
