"""Whatever an engineer tries is in the audit file: what the printer's wire saw, and what never came so far."""
import collections
import contextlib
import json
import os
import subprocess

from own_agent import OwnAgent
from site_lab import HERE, ipv4, until
from world import expect, long_test, test

ON_THE_WIRE = ("refused by the device", "unanswered", "cut short by the end of the session")


@contextlib.contextmanager
def wire_of(lab, host):
    """Counts what the agent begins at HOST, as its wire sees it; yields what ends the counting and returns the counts."""
    seen = lab.start(host, os.path.join(HERE, "attempts_seen.py"), "eth0", lab.address("agent"), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                     text=True)
    try:
        expect(seen.stdout.readline() == "ready\n", "the wire cannot be read")
        # To the discard port the agent itself says a byte, so that the kernel looks for the device's hardware address.
        yield lambda: collections.Counter(json.loads(seen.communicate(timeout=10)[0])) - collections.Counter({"udp 9": 1 << 20})
    finally:
        seen.kill()


def attempts(lab, address, *what, seconds=3):
    done = lab.run("support", os.path.join(HERE, "attempts_made.py"), address, seconds, *what, timeout=120)
    expect(done.returncode == 0, f"the attempts: {done.stderr}")


def told(records):
    """What the records say: begun at the device, by protocol and port; and the rest, by protocol, port and outcome."""
    wire, others = collections.Counter(), collections.Counter()
    for record in records:
        where = f"{record.get('transport')} {record.get('port', 0)}"
        if record["event"] == "flow" and record["transport"] == "icmp":
            wire[where] += record["requests"]
        elif record["event"] == "flow_opened" and record["transport"] != "icmp":
            wire[where] += 1
        elif record["event"] == "attempts" and record["outcome"] in ON_THE_WIRE and record["claimed"] == ["engineer"]:
            wire[where] += record["count"]
        elif record["event"] == "attempts":
            others[f"{where} {record['outcome']}"] += record["count"]
    return wire, others


def since(agent, before):
    return agent.audit()[before:]


@long_test("the printer's wire and the audit file agree on every connection, UDP flow and ping; what the warrant does not open is counted, too")
def wire_agrees(world):
    entry = world.opened()
    lab, agent = world.lab, world.agent
    before = len(agent.audit())
    with wire_of(lab, "mfp") as counts:
        attempts(lab, ipv4(entry), "tcp:80*3", "tcp:443", "tcp:9103*4", "tcp:2*3", "tcp:7777", "udp:161*2", "udp:5353*2", seconds=2)
        lab.run("support", "ping", "-c", "3", "-i", "0.2", "-W", "1", ipv4(entry))
        agent.close("mfp")
        until("the session is over", lambda: agent.children() == [], 3)
        seen = counts()
    wire, others = told(since(agent, before))
    expect(wire == seen, f"the records say {dict(wire)}, the wire {dict(seen)}")
    expect(seen["tcp 80"] == 3 and seen["tcp 9103"] == 4 and seen["udp 161"] == 2 and seen["icmp 0"] == 3, f"the wire saw {dict(seen)}")
    not_opened = "the warrant does not open it"
    expect(others == {f"tcp 2 {not_opened}": 3, f"tcp 7777 {not_opened}": 1, f"udp 5353 {not_opened}": 2}, f"besides: {dict(others)}")
    claimed = [record["claimed"] for record in since(agent, before) if record["event"] == "attempts" and not_opened in record["outcome"]]
    expect(all("count" in each for each in claimed), f"what the tunnel says passes for what the gate saw: {claimed}")


@long_test("a scan of all ports of a printer that is open for all is in the audit file, port by port or together, and in few records")
def scan(world):
    lab, agent = world.lab, world.agent
    world.engineer()
    agent.close()
    before = len(agent.audit())
    entry = agent.open("mfp", "10m", "--services", "all")
    with wire_of(lab, "mfp") as counts:
        attempts(lab, ipv4(entry), "tcp:1-5000", seconds=5)
        agent.close("mfp")
        until("the session is over", lambda: agent.children() == [], 3)
        seen = counts()
    records = since(agent, before)
    tcp = [r for r in records if r.get("transport") == "tcp"]
    begun = sum(r["event"] == "flow_opened" for r in tcp)
    counted = sum(r["count"] for r in tcp if r["event"] == "attempts")
    expect(begun + counted >= 5000, f"{begun} flows and {counted} other attempts, of 5000")
    on_wire = begun + sum(r["count"] for r in tcp if r["event"] == "attempts" and r["outcome"] in ON_THE_WIRE and r["claimed"] == ["engineer"])
    expect(on_wire == sum(seen.values()), f"the records say {on_wire}, the wire {sum(seen.values())}")
    together = [r for r in tcp if "highest" in r]
    expect(any(r["highest"] == 5000 and r["ports"] > 1000 for r in together), f"told together: {together}")
    few = [r for r in tcp if r["event"] == "attempts"]
    expect(len(few) < 400, f"{len(few)} records of attempts")


@long_test("the audit file rolls over while a device is open; all files are shown and verified as one, also after a restart")
def rolls_over(world):
    lab = world.lab
    world.engineer()
    world.agent.stop()
    agent = OwnAgent(lab, "rolls", lambda text: text.replace("[warrant]", '[audit]\nfile_size = "64KiB"\n\n[warrant]'))
    with agent.start():
        entry = agent.open("mfp")
        for _ in range(3):
            attempts(lab, ipv4(entry), "tcp:80*100")
        agent.close("mfp")
        files = sorted(name for name in os.listdir(agent.state) if name.endswith(".jsonl"))
        expect(files[-1] == "audit.jsonl" and files[0] == "audit-00002.jsonl", f"the files are {files}")
        expect(all(os.path.getsize(os.path.join(agent.state, name)) <= 64 << 10 for name in files), "a file is larger than it may be")
        answer = agent.ok("audit", "verify")
        expect(f"The {len(files)} audit files are whole" in answer.out, f"verify: {answer}")
        shown = [json.loads(line) for line in agent.ok("audit", "show").out.splitlines()]
        expect([r["seq"] for r in shown] == list(range(1, len(shown) + 1)), "audit show leaves records out, or mixes them up")
        recorded = sum(r["event"] == "flow_opened" for r in shown) + sum(r["count"] for r in shown if r["event"] == "attempts")
        expect(recorded == 300, f"of 300 connections {recorded} are in the files")  # a busy printer may have refused a few
    with agent.start():
        expect(agent.ok("audit", "verify").code == 0, "after a restart they are not whole")
    os.unlink(os.path.join(agent.state, files[0]))
    done = agent.run_to_its_end()
    expect(done.code == 5 and "missing" in done.err + done.out, f"a file that was taken away: {done}")
