"""Whoever stops something is answered within a second, whatever holds the agent up, and nothing passes after it."""
import collections
import contextlib
import os
import re
import shutil
import socket
import subprocess
import threading
import time

from own_agent import GROUP, MEMBER, OwnAgent, says, seat, shut
from site_lab import AGENT, Answer, until
from test_2_boundaries import runs
from taken_over import Died, TakenOver
from test_b_standstill import StubbornAgent, freezing_disk, main_thread_held
from world import expect, long_test, test

AT_A_SEAT = True
WITHIN = 1.0
REFUSED = 3


def with_tunnel(agent, device="mfp"):
    """Opens the device, which never comes to an end with such an agent; the command that waits for it, and the tunnel."""
    before = set(agent.children())
    opening = agent.lab.start(agent.seat, AGENT, "open", device, "--for", "30m", "--socket", agent.socket, stderr=subprocess.PIPE, text=True)
    until("the tunnel runs", lambda: set(agent.children()) - before, 5)
    return opening, (set(agent.children()) - before).pop()


def stops(agent, *words, closed="mfp is closed."):
    """quoin-agent close WORDS is answered in time, and it is true."""
    tunnels = agent.children()
    began = time.monotonic()
    answer = agent.command("close", *(words or ["--all"]), timeout=10)
    took = time.monotonic() - began
    expect(took < WITHIN, f"close took {took:.2f} s: {answer}")
    expect(answer.code == 0 and closed in answer.out, f"{answer}")
    expect(not [tunnel for tunnel in tunnels if runs(tunnel)], f"a tunnel runs: {tunnels}")
    return answer


def closed_by(agent, who):
    last = [record for record in agent.audit() if record["event"] == "closed"][-1]
    expect((last["why"], last["by"]) == ("a person closed it", who), f"{last}")


@test("loop held up: close --all is answered within a second, what was asked for before does not open, and it is recorded afterwards")
def loop_held_up(world):
    with StubbornAgent(seat(), "held").start() as agent:
        opening, _ = with_tunnel(agent)
        with main_thread_held(agent.process.pid):
            older = agent.lab.start(agent.seat, AGENT, "open", "mfp", "--for", "30m", "--socket", agent.socket, stderr=subprocess.PIPE, text=True)
            time.sleep(0.05)
            answer = stops(agent)
            expect("does not answer" in answer.out, f"it is not said that the agent does not answer: {answer}")
        said = older.communicate(timeout=5)[1]
        says(Answer(subprocess.CompletedProcess([], older.returncode, "", said)), REFUSED, "Somebody closed a device after this was asked for")
        expect(opening.wait(5) != 0, "an open that came to nothing is said to have worked")
        opening.stderr.close()
        shut(agent)
        closed_by(agent, "root")


@long_test("loop held up: SIGTERM kills within a second, and the agent ends without its loop; the next one finds its file whole")
def terminated(world):
    agent = StubbornAgent(seat(), "terminated").start()
    with agent:
        _, tunnel = with_tunnel(agent)
        with contextlib.suppress(ProcessLookupError, OSError), main_thread_held(agent.process.pid):
            began = time.monotonic()
            agent.process.terminate()
            until("the tunnel is dead", lambda: not runs(tunnel), WITHIN, 0.01)
            until("the agent has ended", lambda: not runs(agent.process.pid), 8)
            expect(time.monotonic() - began > 4, "it did not wait for its loop to write the records")
        agent.process.wait(5)
        agent.start()
        expect(agent.ok("audit", "verify").code == 0, "the file is not whole")
        with_tunnel(agent)
        stops(agent)


@long_test("loop held up: one that goes on after SIGTERM writes down what was ended, and ends")
def terminated_late(world):
    with StubbornAgent(seat(), "late").start() as agent:
        _, tunnel = with_tunnel(agent)
        with main_thread_held(agent.process.pid):
            agent.process.terminate()
            until("the tunnel is dead", lambda: not runs(tunnel), WITHIN, 0.01)
        agent.process.wait(5)
        events = [(record["event"], record.get("why")) for record in agent.audit()][-2:]
        expect(events == [("closed", "the agent stopped"), ("stopped", None)], f"{events}")


@long_test("crowd: a member of the group who holds a hundred connections to both sockets keeps nobody's close waiting")
def crowd(world):
    script = ("import socket, sys, time\n"
              "held = []\n"
              "for path in sys.argv[1:]:\n"
              "  for _ in range(100):\n"
              "    s = socket.socket(socket.AF_UNIX); s.settimeout(1); held.append(s)\n"
              "    try: s.connect(path)\n"
              "    except OSError: pass\n"
              "print('here', flush=True); time.sleep(60)\n")
    with StubbornAgent(seat(), "crowd").start() as agent:
        os.chmod(agent.folder, 0o755)
        opening, _ = with_tunnel(agent)
        crowding = agent.lab.start(agent.seat, *MEMBER, "python3", "-c", script, agent.socket, agent.socket + ".stop", stdout=subprocess.PIPE)
        try:
            crowding.stdout.readline()
            expect(agent.command("status").code == 0, "root's status is crowded out")
            stops(agent)
            closed_by(agent, "root")
            _, tunnel = with_tunnel(agent)
            began = time.monotonic()
            answer = agent.as_user(MEMBER, "close", "mfp")
            expect(answer.code == 0 and time.monotonic() - began < WITHIN and not runs(tunnel), f"a member's close: {answer}")
        finally:
            crowding.kill()
            crowding.wait(5)
            opening.wait(5)


@long_test("crowd: members who connect and leave as fast as they can take no descriptors from the gate, and keep nobody's close waiting")
def crowd_that_leaves(world):
    script = ("import os, socket, sys\n"
              "for _ in range(3): os.fork()\n"
              "print('here', flush=True)\n"
              "while True:\n"
              "  s = socket.socket(socket.AF_UNIX); s.setblocking(False)\n"
              "  try: s.connect(sys.argv[1])\n"
              "  except OSError: pass\n"
              "  s.close()\n")
    with StubbornAgent(seat(), "flood").start() as agent:
        os.chmod(agent.folder, 0o755)
        opening, _ = with_tunnel(agent)
        crowd = [agent.lab.start(agent.seat, *MEMBER, "python3", "-c", script, path, stdout=subprocess.PIPE, start_new_session=True)
                 for path in (agent.socket, agent.socket + ".stop")]
        try:
            for each in crowd:
                each.stdout.readline()
            most = 0
            for _ in range(20):
                time.sleep(0.1)
                most = max(most, len(os.listdir(f"/proc/{agent.process.pid}/fd")))
            expect(most < 1500, f"the gate holds {most} descriptors")
            answer = agent.command("close", "--all", timeout=10)
            expect(answer.code == 0 and "mfp is closed" in answer.out, f"{answer}")
        finally:
            for each in crowd:
                os.killpg(each.pid, 9)
                each.communicate(timeout=5)
        opening.wait(5)
        stops(agent, closed="Nothing was open.")


@test("directory hung: what a member asked for before somebody closed all does not open afterwards")
def overtaken(world):
    lab = seat()
    silent = f"{lab.state}/hung-passwd"  # who opens it waits for a writer
    os.mkfifo(silent, 0o644)
    with StubbornAgent(lab, "overtaken").start() as agent:
        program = shutil.copy(AGENT, lab.state)
        lab.run("seat", "mount", "--bind", silent, "/etc/passwd", check=True)
        try:
            member = ["nsenter", "-S", "65534", "-G", str(GROUP), "--"]  # which, unlike setpriv, asks for no name
            opening = lab.start("seat", *member, program, "open", "mfp", "--for", "30m", "--socket", agent.socket, stderr=subprocess.PIPE, text=True)
            until("the directory is asked", lambda: "wait_for_partner" in "".join(
                open(f"/proc/{agent.process.pid}/task/{thread}/wchan").read() for thread in os.listdir(f"/proc/{agent.process.pid}/task")), 5)
            stops(agent, closed="Nothing was open.")
            said = opening.communicate(timeout=10)[1]
            says(Answer(subprocess.CompletedProcess([], opening.returncode, "", said)), REFUSED, "Somebody closed a device after this was asked for")
        finally:
            lab.run("seat", "umount", "--lazy", "/etc/passwd", check=True)
        shut(agent)


@long_test("disk frozen: close --all is answered within a second")
def disk_frozen(world):
    agent = StubbornAgent(seat(), "ice")
    with freezing_disk(agent) as freeze:
        agent.start()
        with_tunnel(agent)
        freeze(True)
        stops(agent)
        freeze(False)
        until("it is recorded", lambda: '"why":"a person closed it","by":"root"' in agent.ok("audit", "show").out, 5)


@contextlib.contextmanager
def full_pipe():
    """The writing end of a pipe that is full and that nobody empties."""
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    with contextlib.suppress(BlockingIOError):
        while True:
            os.write(writing, b"x" * 4096)
    with contextlib.suppress(BlockingIOError):
        while True:
            os.write(writing, b"x")
    os.set_blocking(writing, True)
    try:
        yield reading, writing
    finally:
        os.close(reading)
        os.close(writing)


@long_test("log full: close --all is answered within a second and again and again")
def log_full(world):
    with full_pipe() as (reading, writing):
        agent = StubbornAgent(seat(), "full", output=writing)
        with agent.start():
            os.set_blocking(writing, False)
            for _ in range(3):
                opening, _ = with_tunnel(agent)
                stops(agent)
                expect(opening.wait(5) != 0, "an open that came to nothing is said to have worked")
            shut(agent)
            closed_by(agent, "root")


@long_test("name server silent: close --all is answered within a second, by a loop that stands still, too, and nobody asks it any more afterwards")
def name_server_silent(world):
    lab = seat()
    resolv_conf = f"{lab.state}/resolv.conf"
    silent = ("import socket, sys\n"
              "s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind(('127.0.0.1', 53)); print('here', flush=True)\n"
              "while True: s.recv(4096); print('asked', flush=True)\n")
    server = lab.start("seat", "python3", "-c", silent, stdout=subprocess.PIPE)
    try:
        server.stdout.readline()
        with open(resolv_conf, "w") as file:
            file.write("nameserver 127.0.0.1\n")
        by_name = re.compile(r'^url = ".*"$', re.M)
        with OwnAgent(lab, "names", lambda text: by_name.sub('url = "https://control.lab.test:8443"', text, count=1)).start() as agent:
            opening, _ = with_tunnel(agent)
            expect(server.stdout.readline() == b"asked\n", "the name server was not asked")
            expect("quoin-resolver" in dict(map(reversed, agent.processes())), f"no process reads its answers: {agent.processes()}")
            resolver = next(pid for pid, name in agent.processes() if name == "quoin-resolver")
            with main_thread_held(agent.process.pid):
                stops(agent)
                expect(not runs(resolver), "what reads its answers runs on")
            expect(opening.wait(5) != 0, "an open that came to nothing is said to have worked")
            until("no process is left", lambda: agent.processes() == [], 2)
            shut(agent)
    finally:
        open(resolv_conf, "w").close()
        server.kill()
        server.communicate(timeout=5)


@long_test("hostile child: with as many messages as the gate allows and lines to its log as fast as it can, close --all is answered within a second")
def hostile_child(world):
    unneeded = bytes([0x12, 4]) + socket.inet_aton("203.0.113.9") + b"\x25\x33"  # src/pair/messages.h: well formed, and harmless
    with OwnAgent(seat(), "hostile").start() as agent:
        opening, tunnel = with_tunnel(agent)
        done, over = collections.Counter(), threading.Event()

        def flood():
            with contextlib.suppress(Died), TakenOver(tunnel) as child:
                while not over.is_set():
                    done["lines"] += child.repeat("write", 2, b"x" * 999 + b"\n", 1000, times=400, seconds=0.1).total()
                    done["messages"] += child.repeat("sendto", 3, unneeded, len(unneeded), socket.MSG_DONTWAIT, None, 0, times=20, seconds=0.1).total()

        flooding = threading.Thread(target=flood)
        flooding.start()
        try:
            until("it floods", lambda: done["lines"] > 4000 and done["messages"] > 200, 10)
            stops(agent)
        finally:
            over.set()
            flooding.join(20)
        expect(opening.wait(5) != 0, "an open that came to nothing is said to have worked")
        shut(agent)
        closed_by(agent, "root")


GATE_KEEPS = 1 << 5 | 1 << 6 | 1 << 7 | 1 << 10 | 1 << 13 | 1 << 14  # KILL, SETGID, SETUID, NET_BIND_SERVICE, NET_RAW, IPC_LOCK: src/io/capabilities_linux.cc


def lasting_threads(pid):
    """Those that run as long as the process; one that only closes sockets ends after a moment."""
    def threads():
        return set(os.listdir(f"/proc/{pid}/task"))

    before = threads()
    time.sleep(0.5)
    return before & threads()


def rights(pid):
    """What /proc says of its capabilities, and whether it can get new ones."""
    lines = dict(line.rstrip("\n").split(":\t", 1) for line in open(f"/proc/{pid}/status") if ":\t" in line)
    return {name: int(lines[name], 16) for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")} | {"NoNewPrivs": int(lines["NoNewPrivs"])}


@long_test("rights: every thread of the gate has the capabilities of its list and no other, its tunnel has none, and neither can get any")
def rights_given_up(world):
    with StubbornAgent(seat(), "rights").start() as agent:
        _, tunnel = with_tunnel(agent)
        kept = {"CapInh": 0, "CapPrm": GATE_KEEPS, "CapEff": GATE_KEEPS, "CapBnd": GATE_KEEPS, "CapAmb": 0, "NoNewPrivs": 1}
        for thread in lasting_threads(agent.process.pid):
            expect(rights(thread) == kept, f"thread {thread} of the gate: {rights(thread)}")
        expect(rights(tunnel) == kept | {"CapPrm": 0, "CapEff": 0}, f"the tunnel: {rights(tunnel)}")
        stops(agent)


@long_test("rights: a gate that was taken over writes nowhere but into its own folders, though it is root")
def gate_writes_elsewhere(world):
    with StubbornAgent(seat(), "confined").start() as agent:
        def attempt(gate, path):
            number = gate.call("openat", -100, path.encode(), os.O_WRONLY | os.O_CREAT, 0o600)
            if number >= 0:
                gate.call("close", number)
            return number

        target = os.path.join(agent.folder, "elsewhere")
        for thread in map(int, lasting_threads(agent.process.pid)):
            with TakenOver(thread) as gate:
                for path in (target, agent.config, AGENT):
                    expect(attempt(gate, path) in (-13, -26), f"thread {thread} opened {path} for writing: {attempt(gate, path)}")
                expect(attempt(gate, os.path.join(agent.state, "probe")) >= 0, "it cannot write into its own folder either")
                expect(gate.call("rename", agent.config.encode(), target.encode()) < 0, "it moved its configuration")
                expect(gate.call("chmod", AGENT.encode(), 0o4755) < 0 and gate.call("chown", AGENT.encode(), 0, 0) < 0, "it changed the rights of a program")
                expect(gate.call("setns", gate.call("openat", -100, b"/proc/1/ns/net", 0, 0), 0) < 0, "it left its network")
        expect(not os.path.exists(target), "it wrote elsewhere")
        os.remove(os.path.join(agent.state, "probe"))
        expect(agent.command("status").code == 0, "the agent does not answer afterwards")
