"""What a person at the agent can do while a device is open: a later end, and being told of what changes; and FTP, whose data connections follow."""
import json
import os
import signal
import subprocess
import threading
import time

from own_agent import STRANGER, OwnAgent, says, seat
from site_lab import AGENT, ipv4, ipv6, sha256, until
from world import expect, test

WRONG_USAGE, REFUSED, NOT_REACHABLE = 2, 3, 4


@test("extend gives an open device so much longer from now, and its tunnel outlives its first deadline")
def extend(world):
    world.agent.close()
    before = world.agent.open("mfp", "5s")
    opened = time.monotonic()
    tunnels = world.agent.children()
    world.agent.ok("extend", "mfp", "--for", "10m")
    after = world.agent.opened("mfp")
    expect(after["until"] > before["until"] and 590 < after["seconds_left"] <= 600, f"not extended: {after}")
    record = [r for r in world.agent.audit() if r["event"] == "extended"][-1]
    expect((record["device"], record["by"], record["until"], record["until_before"]) == ("mfp", "root", after["until"], before["until"]),
           f"recorded as {record}")
    says(world.agent.command("extend", "mfp", "--for", "5m"), REFUSED, "never shortens", "close it")
    says(world.agent.command("extend", "mfp", "--for", "5h"), REFUSED, "at most")
    says(world.agent.command("extend", "laser", "--for", "5m"), REFUSED, "laser is not open")
    says(world.agent.command("extend", "nosuch", "--for", "5m"), WRONG_USAGE, "nosuch")
    time.sleep(max(0.0, 6.5 - (time.monotonic() - opened)))
    still = world.agent.opened("mfp")
    expect(still and still["state"] == "open" and still["node_key"] == before["node_key"], f"not open beyond its first end: {still}")
    expect(world.agent.children() == tunnels, f"its tunnel {tunnels} ended at its first deadline: {world.agent.children()}")
    world.agent.close()


class Watching:
    """quoin-agent status --watch, and what it has printed."""

    def __init__(self, agent, *words):
        self.process = agent.lab.start(agent.seat, AGENT, "status", "--watch", *words, "--socket", agent.socket, stdout=subprocess.PIPE,
                                       stderr=subprocess.PIPE, text=True)
        self.lines = []
        self.reader = threading.Thread(target=lambda: self.lines.extend(iter(self.process.stdout.readline, "")), daemon=True)
        self.reader.start()

    def end(self, sent):
        self.process.send_signal(sent)
        return self.process.wait(5)


@test("status --watch --json prints one object a line for each change, at rest none, and ends at Ctrl-C")
def watch(world):
    world.agent.close()
    watching = Watching(world.agent, "--json")
    until("the first status is printed", lambda: len(watching.lines) == 1, 5)
    world.agent.open("mfp", "4m")
    until("the device is shown open", lambda: any(d["state"] == "open" for d in json.loads(watching.lines[-1])["open"]), 10)
    expect(json.loads(watching.lines[-1])["open"][0]["ends_soon"], "four minutes are not within five")
    world.agent.ok("extend", "mfp", "--for", "1h")
    until("the new end is shown", lambda: not json.loads(watching.lines[-1])["open"][0]["ends_soon"], 5)
    world.agent.close()
    until("nothing is shown open", lambda: json.loads(watching.lines[-1])["open"] == [], 5)
    printed = len(watching.lines)
    ticks = lambda: sum(map(int, open(f"/proc/{world.agent.process.pid}/stat").read().rsplit(") ", 1)[1].split()[11:13]))  # noqa: E731
    before = ticks()
    time.sleep(3)
    expect(len(watching.lines) == printed, f"printed without a change: {watching.lines[printed:]}")
    expect(ticks() - before < os.sysconf("SC_CLK_TCK") // 4, "the agent is busy while nothing happens")
    expect(watching.end(signal.SIGINT) == -signal.SIGINT, "Ctrl-C does not end it")


@test("status --watch ends with a sentence and code 4 when the agent goes; watchers are bounded, and strangers are none")
def watch_ends(world):
    with OwnAgent(seat(), "watched") as agent:
        agent.start()
        stranger = agent.as_user(STRANGER, "status", "--watch")
        expect(stranger.code == REFUSED, f"a stranger watches: {stranger}")
        watching = [Watching(agent) for _ in range(8)]
        until("all are told", lambda: all(each.lines for each in watching), 5)
        says(agent.command("status", "--watch"), REFUSED, "end one of them")
        expect(watching.pop().end(signal.SIGINT) == -signal.SIGINT, "one was to end")
        another = Watching(agent)
        until("another has its place", lambda: another.lines, 5)
        watching.append(another)
        agent.stop()
        for each in watching:
            expect(each.process.wait(5) == NOT_REACHABLE, f"code {each.process.returncode} where the agent has gone")
            err = each.process.stderr.read()
            expect(err.startswith("quoin-agent: the agent on ") and "has gone" in err and err.count("\n") == 1, f"said: {err!r}")
            expect(each.lines == ["Nothing is open.\n"], f"printed: {each.lines}")


def ftp(lab, url, *words, **options):
    return lab.run("support", "curl", "-sS", "-m", "60", "--ftp-pasv", *words, url, binary=True, **options)


def ftp_round_trip(lab, host, form, data):
    """Stores DATA on laser, which is reached at HOST, looks at what arrived, and gets it back."""
    name = f"job-{os.urandom(4).hex()}.prn"
    path = os.path.join(lab.state, "laser", "ftp", "print", name)
    sent = ftp(lab, f"ftp://{host}/print/{name}", *form, "-T", "-", input=data)
    expect(sent.returncode == 0, f"up {form}: {sent.stderr}")
    try:
        with open(path, "rb") as file:
            expect(sha256(file.read()) == sha256(data), f"up {form}: other bytes arrived")
        os.chmod(path, 0o644)
        got = ftp(lab, f"ftp://{host}/print/{name}", *form)
        expect(got.returncode == 0 and sha256(got.stdout) == sha256(data), f"down {form}: {len(got.stdout)} bytes came, {got.stderr}")
    finally:
        os.unlink(path)


@test("FTP goes up and down through the tunnel with EPSV and with PASV, byte by byte, with one data connection for each announcement")
def ftp_both_ways(world):
    world.agent.close()
    world.engineer()
    entry = world.agent.open("laser", "10m", "--services", "ftp")
    for form, host in ((["--disable-epsv"], ipv4(entry)), ([], ipv4(entry)), ([], f"[{ipv6(entry)}]")):
        ftp_round_trip(world.lab, host, form, os.urandom(3 << 20))
    seen = ftp(world.lab, f"ftp://{ipv4(entry)}/print/", "-v", "--disable-epsv", "--no-ftp-skip-pasv-ip").stderr.decode()
    said = "(" + ipv4(entry).replace(".", ",") + ","
    expect("227 " in seen and said in seen and "192,168,77,22" not in seen, f"the reply does not have the overlay address: {seen}")
    flows = [r for r in world.agent.audit() if r["event"] == "flow_opened" and r["device"] == "laser"]
    data_flows = [r for r in flows if r["service"] == "ftp-data"]
    expect(len(data_flows) == 7 and all(50000 <= r["port"] <= 50009 for r in data_flows), f"data connections: {data_flows}")
    refused = world.lab.run("support", "curl", "-sS", "-m", "5", f"http://{ipv4(entry)}:{data_flows[-1]['port']}/")
    expect("refused" in refused.stderr.lower() or "couldn't connect" in refused.stderr.lower(), f"an old data port: {refused.stderr}")
    world.agent.close()
