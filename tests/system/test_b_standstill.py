"""Whatever holds the gate up, no tunnel outlives its deadline, and nothing begins without its record."""
import contextlib
import ctypes
import os
import shutil
import time

from own_agent import OwnAgent, seat, shut
from site_lab import AGENT, until
from test_2_boundaries import runs
from world import expect, test

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


class StubbornAgent(OwnAgent):
    """Its tunnels read nothing, say nothing and never go by themselves."""

    def prepare(self):
        super().prepare()
        self.program = shutil.copy(AGENT, self.folder)
        tunnel = os.path.join(self.folder, "quoin-tunnel")
        with open(tunnel, "w") as script:
            script.write("#!/bin/sh\nexec /bin/sleep infinity\n")
        os.chmod(tunnel, 0o755)

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
