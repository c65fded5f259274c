"""Datagrams as large as on the LAN, fragments that no honest host sends, and who asks from a fresh socket each time."""
import json
import os
import re

from odd_device import OddDevice
from site_lab import HERE, ipv4, ipv6, until
from world import expect, long_test, test

LAN_HOST = "pc"
MEMORY = 64 << 20  # of either process at its largest
SUPPLIES = [f"1.3.6.1.2.1.43.11.1.1.{column}.1.{row}" for column in range(2, 10) for row in range(1, 12)]  # about 1.6 KB of names


def pinged(lab, host, address, size, count=2):
    """Which lengths came back, and how many of them."""
    done = lab.run(host, "ping", "-c", count, "-i", "0.2", "-W", "5", "-s", size, address)
    return re.findall(r"(\d+) bytes from", done.stdout), re.findall(r"\d+ received", done.stdout), done.stdout


def asked(lab, host, address):
    done = lab.run(host, "snmpget", "-v2c", "-c", "public", "-On", "-t", "5", "-r", "1", address, *SUPPLIES)
    return [re.sub(r"^Error.*|Timeticks.*", "", line) for line in (done.stdout + done.stderr).splitlines()]


# One datagram of that many bytes, or "long" and how long the answer is to be: the answer, or how it failed.
SAY = """
import socket, sys
address, port, size = sys.argv[1], int(sys.argv[2]), sys.argv[3]
line = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM)
line.settimeout(8)
line.connect((address, port))
if len(sys.argv) > 4:
    line.send(sys.argv[4].encode())
    line.recv(65535)
line.send(b"long " + size[5:].encode() if size.startswith("long:") else b"q" * int(size))
try:
    answer = line.recv(65535)
    print(len(answer), "bytes" if not answer.strip(b"\\0") else answer.decode())
except OSError as failed:
    print(type(failed).__name__)
"""


def said(lab, host, address, size, *before):
    """BEFORE is said first, from the same port."""
    done = lab.run(host, "python3", "-c", SAY, address, 161, size, *before)
    return done.stdout.strip() or done.stderr


def go_direct(lab, entry):
    """Towards a relay the client keeps fewer packets than a long datagram has fragments, and drops the rest."""
    lab.ts("ping", "--c", "10", ipv4(entry))


def memory(agent):
    """The most that the gate and the tunnel have had in memory, in bytes."""
    def peak(pid):
        return int(re.search(r"VmHWM:\s+(\d+) kB", open(f"/proc/{pid}/status").read()).group(1)) << 10

    return {"gate": peak(agent.process.pid), "tunnel": peak(agent.children()[0])}


@test("pings of 1300 and 8000 bytes and an SNMP question of 1.6 KB come back as they do on the LAN")
def large(world):
    lab = world.lab
    entry = world.opened()
    for size in (1300, 8000):
        here, through = pinged(lab, LAN_HOST, lab.address("mfp"), size), pinged(lab, "support", ipv4(entry), size)
        expect(here[:2] == ([str(size + 8)] * 2, ["2 received"]), f"ping -s {size} on the LAN: {here[2]}")
        expect(through[:2] == here[:2], f"ping -s {size}: {through[2]}")
    here, through = asked(lab, LAN_HOST, lab.address("mfp")), asked(lab, "support", ipv4(entry))
    expect(len(here) > 20 and through == here, f"{len(through)} lines of the {len(here)} on the LAN: {through[:3]} {here[:3]}")


@long_test("the longest ping and the longest datagram that IPv4 has come back as they do on the LAN")
def longest(world):
    lab = world.lab
    entry = world.opened("laser")
    go_direct(lab, entry)
    for size in (1453, 65507):
        here, through = pinged(lab, LAN_HOST, lab.address("laser"), size, 1), pinged(lab, "support", ipv4(entry), size, 1)
        expect(here[1] == ["1 received"] and through[:2] == here[:2], f"ping -s {size}: {through[2]}; on the LAN {here[2]}")
    with OddDevice(lab, "laser", 161, "udp_counts", udp=True):
        for size in ("1252", "1253", "1600", "20000", "65507", "long:1253", "long:20000", "long:65507"):
            here, through = (said(lab, host, address, size) for host, address in ((LAN_HOST, lab.address("laser")), ("support", ipv4(entry))))
            expect(re.match(r"\d+ ", here) and here == through, f"{size}: through the tunnel {through}, on the LAN {here}")


@long_test("over IPv6 long questions arrive; an answer that cannot be carried is told to who asked, and in the status and the audit file")
def over_ipv6(world):
    lab, agent = world.lab, world.agent
    entry = world.opened("laser")
    before = len(agent.audit())
    with OddDevice(lab, "laser", 161, "udp_counts", udp=True):
        # The client's filter lets an answer in where it has seen the question's ports, which it does not in fragments.
        for size in ("1232", "1233", "1600", "20000"):
            expect(said(lab, "support", ipv6(entry), size, "short").startswith(f"{len(f'{size} ') + 64} {size} "), f"a question of {size} bytes")
        expect(said(lab, "support", ipv6(entry), "long:1232") == "1232 bytes", "the longest answer")
        heard = said(lab, "support", ipv6(entry), "long:1233")
        expect(heard == "PermissionError", f"an answer of 1233 bytes: {heard}")
        expect(said(lab, "support", ipv6(entry), "long:1232") == "1232 bytes", "the longest answer, after one that was too long")
    until("the status says it", lambda: "udp port 161 of alice@example.com since" in agent.opened("laser")["refused"], 5)
    expect("use the IPv4 address" in agent.ok("status").out, agent.ok("status").out)
    done = lab.run("support", "ping", "-c", "1", "-W", "5", "-s", "1300", ipv6(entry))
    expect("prohibited" in done.stdout, f"ping: {done.stdout}")

    def recorded():
        return {(r["transport"], r["outcome"]) for r in agent.audit()[before:] if r["event"] == "attempts"}

    until("the audit file has both", lambda: {("udp", "too large to be carried"), ("icmp", "too large to be carried")} <= recorded(), 5)


@long_test("fragments that overlap, end twice, never end or come by the thousand reach no printer, and the engineer's own still arrive")
def hostile_fragments(world):
    lab, agent = world.lab, world.agent
    world.engineer()
    agent.close()
    entry = agent.open("laser")
    go_direct(lab, entry)
    mine = lab.ts("ip", "-4").strip()

    def send(seconds, kind, times=1):
        done = lab.run("support", os.path.join(HERE, "fragments_sent.py"), mine, ipv4(entry), 161, seconds, kind, times, timeout=100)
        expect(done.returncode == 0, done.stderr)
        return json.loads(done.stdout)

    with OddDevice(lab, "laser", 161, "udp_counts", udp=True):
        expect(said(lab, "support", ipv4(entry), "5000").startswith("69 5000 "), "before")
        flows = agent.opened("laser")["flows"]
        for kind in ("overlap", "twice", "tiny", "middle"):
            heard = send(1, kind, 10)
            expect(heard == {}, f"{kind} is answered: {heard}")
        heard = send(31, "unfinished", 3)
        expect(heard == {"11/1": 3}, f"three that never end: {heard}")
        expect(agent.opened("laser")["flows"] <= flows, "a fragment began a flow")
        heard = send(2, "many", 20000)
        expect(0 < heard.get("3/13", 0) < 2000 and set(heard) <= {"3/13", "11/1"}, f"twenty thousand of them: {heard}")
        expect(said(lab, "support", ipv4(entry), "5000").startswith("69 5000 "), "right after")
        expect(pinged(lab, "support", ipv4(entry), 8000)[1] == ["2 received"], "pings right after")
    until("the status says it", lambda: "too many at once" in agent.opened("laser")["refused"], 5)
    peaks = memory(agent)
    print(f"     at most in memory: {peaks['gate'] >> 20} MB gate, {peaks['tunnel'] >> 20} MB tunnel")
    expect(max(peaks.values()) < MEMORY, f"at most in memory: {peaks}")


@long_test("3600 SNMP questions from fresh sockets are answered and the web page loads at once; and once they are too many, still the page does")
def fresh_sockets(world):
    lab, agent = world.lab, world.agent
    world.engineer()
    agent.close()
    entry = agent.open("mfp")

    def ask(times, seconds=3):
        return int(lab.run("support", os.path.join(HERE, "fresh_sockets.py"), ipv4(entry), times, seconds, timeout=200).stdout)

    def page():
        return lab.run("support", "curl", "-sSk", "-m", "20", f"https://{ipv4(entry)}/").stdout

    answered = ask(3600)
    expect("LAB C4500" in page(), "no page after 3600 questions")
    expect(answered == 3600, f"{answered} of 3600 were answered")
    expect(agent.opened("mfp")["refused"] == "", f"refused: {agent.opened('mfp')['refused']}")
    answered = ask(4000, 0.5)
    expect("LAB C4500" in page(), "no page after 7600 questions")
    expect(1000 < answered < 4000, f"{answered} of 4000 more were answered: the budget of records is not what it was")
    until("the status says it", lambda: "udp port 161 of alice@example.com since" in agent.opened("mfp")["refused"], 5)
    expect("too many at once" in agent.ok("status").out, agent.ok("status").out)
    peaks = memory(agent)
    print(f"     at most in memory: {peaks['gate'] >> 20} MB gate, {peaks['tunnel'] >> 20} MB tunnel")
    expect(max(peaks.values()) < MEMORY, f"at most in memory: {peaks}")
    agent.close()
