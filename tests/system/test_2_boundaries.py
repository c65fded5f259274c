"""What must not be reached, by whom, and that it ends."""
import concurrent.futures
import ctypes
import ctypes.util
import json
import os
import re
import signal
import subprocess
import time

from second_engineer import bob_with_every_right
from site_lab import ipv4, until
from world import expect, long_test, test


def page(world, address, seconds=5):
    return world.lab.run("support", "curl", "-sSk", "-m", str(seconds), f"https://{address}/")


def runs(pid):
    """A process that has ended but was not yet reaped by whoever inherited it does not run."""
    try:
        return open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def expect_page(world, entry, otherwise):
    got = page(world, ipv4(entry))
    expect("LAB C4500" in got.stdout, f"{otherwise}: curl ends with {got.returncode}: {got.stderr.strip()} {got.stdout[:80]}; recorded: {world.agent.audit()[-4:]}")


def gone_from_headscale(world, entry):
    return entry["node_key"] not in world.lab.nodes()


@test("files and pc receive nothing while the printer is used")
def bystanders(world):
    lab = world.lab
    world.agent.close()
    # A probe that does arrive is seen by the same counter.
    for host, port in (("files", 80), ("pc", 445)):
        before = lab.touched(host)
        lab.run("agent", "timeout", "2", "socat", "-u", "/dev/null", f"TCP:{lab.address(host)}:{port},linger=0")
        expect(lab.touched(host) != before, f"the counter of {host} does not see a connection")
        over = ["ss", "-Htn", "state", "connected", "exclude", "time-wait", "dst", lab.address(host)]
        until(f"the probe's connection to {host} is over", lambda words=over: not lab.run("agent", *words, check=True).stdout, 10)
    before = {host: lab.touched(host) for host in ("files", "pc")}
    entry = world.opened()
    expect_page(world, entry, "the printer's page does not come through")
    world.lab.run("support", "snmpwalk", "-v2c", "-c", "public", ipv4(entry), "1.3.6.1.2.1.1")
    # What an engineer may try: the LAN's addresses through the device node.
    targets = ("192.168.77.50", "192.168.77.60", "192.168.77.10", "192.168.77.1")
    for target in targets:
        lab.run("support", "ip", "route", "replace", f"{target}/32", "dev", "ts0")
    with concurrent.futures.ThreadPoolExecutor(len(targets)) as pool:
        got = list(pool.map(lambda target: lab.run("support", "curl", "-sS", "-m", "2", f"http://{target}/"), targets))
    expect(all(each.returncode != 0 for each in got), f"somebody answered: {got}")
    for target in targets:
        lab.run("support", "ip", "route", "del", f"{target}/32", "dev", "ts0")
    for host in before:
        expect(lab.touched(host) == before[host], f"{host} received something: {before[host]} -> {lab.touched(host)}")


@test("the printer cannot open a connection to the engineer")
def nothing_inward(world):
    entry = world.opened()
    lab = world.lab
    engineer = lab.ts("ip", "-4").strip()
    open(os.path.join(lab.state, "inward"), "wb").close()
    listener = lab.start("support", "socat", "-u", "TCP-LISTEN:7777,fork,reuseaddr", f"OPEN:{lab.state}/inward,creat,append")
    try:
        until("the listener is there", lambda: "7777" in lab.run("support", "ss", "-Hltn").stdout, 5)
        # The probe arrives where a listener exists and a road leads.
        lab.run("support", "socat", "-u", "-", f"TCP:{engineer}:7777,connect-timeout=2", input=b"probe")
        until("the probe arrived", lambda: b"probe" in open(os.path.join(lab.state, "inward"), "rb").read(), 5)
        expect_page(world, entry, "the session is not alive")
        os.truncate(os.path.join(lab.state, "inward"), 0)
        via_agent = lab.run("mfp", "ip", "route", "replace", "100.64.0.0/10", "via", lab.address("agent"))
        expect(via_agent.returncode == 0, via_agent.stderr)
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            got = list(pool.map(lambda target: lab.run("mfp", "socat", "-u", "-", f"TCP:{target}:7777,connect-timeout=2", input=b"inward"),
                                (engineer, ipv4(entry))))
        expect(all(each.returncode != 0 for each in got), f"the printer connected: {got}")
        expect(open(os.path.join(lab.state, "inward"), "rb").read() == b"", "bytes of the printer reached the engineer")
        lab.run("mfp", "ip", "route", "del", "100.64.0.0/10")
    finally:
        listener.kill()


@test("an engineer who is not named gets nothing, though the control server's policy lets him")
def not_named(world):
    lab = world.lab
    entry = world.opened()
    expect_page(world, entry, "alice is named and must get the page")
    with bob_with_every_right(lab) as bob:
        bob.sees(ipv4(entry))
        got = bob.gets(ipv4(entry))
        expect(not got, f"bob got {got}")
        refused = [r for r in world.agent.audit() if "bob@example.com" in json.dumps(r)]
        expect(refused, "the audit file does not say that bob was refused")
        expect_page(world, entry, "alice lost the printer")


@test("after close the device is unreachable within a second and the node gone from headscale within two")
def close_ends_it(world):
    entry = world.opened()
    expect_page(world, entry, "not reachable before the close")
    world.agent.close("mfp")
    closed = time.monotonic()
    got = page(world, ipv4(entry), 1)
    expect(got.returncode != 0, "the page still comes")
    until("the node is gone from headscale", lambda: gone_from_headscale(world, entry), max(0.1, closed + 2 - time.monotonic()))
    expect(world.agent.children() == [], f"a child is left: {world.agent.children()}")


@test("a warrant of five seconds ends by itself, for new and for running flows")
def expiry_ends_it(world):
    world.engineer()
    entry = world.agent.open("mfp", "5s")
    expect_page(world, entry, "not reachable before it ends")
    running = world.lab.start("support", "socat", "-u", f"TCP:{ipv4(entry)}:22", "-", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    until("the warrant is over", lambda: world.agent.opened("mfp") is None, 7)
    ended = time.monotonic()
    got = page(world, ipv4(entry), 1)
    expect(got.returncode != 0, "the page still comes")
    until("the node is gone from headscale", lambda: gone_from_headscale(world, entry), max(0.1, ended + 2 - time.monotonic()))
    expect(world.agent.children() == [], "a child is left")
    running.kill()
    closes = [r for r in world.agent.audit() if r["event"] == "closed"]
    expect(closes[-1]["why"] == "the time was up", f"the audit file does not say why: {closes[-1]}")


def every_user_exists_here():
    """A container may map fewer numbers than a tunnel's own; it then runs as the agent does, without its capabilities."""
    return any(int(count) > 2_100_001_000 for _, _, count in (line.split() for line in open("/proc/self/uid_map")))


@test("a stopped child is killed at its deadline")
def stopped_child(world):
    world.engineer()
    world.agent.open("mfp", "5s")
    opened = time.monotonic()
    child = world.agent.children()[0]
    expect(re.search(r"Max open files +4224 +4224 ", open(f"/proc/{child}/limits").read()), "it may hold any number of descriptors")
    status = open(f"/proc/{child}/status").read()
    if every_user_exists_here():
        expect(re.search(r"Uid:(\s+21000\d{5}){4}\n", status) and re.search(r"Groups:\s*\n", status), f"it is no user of its own: {status}")
    limits = open(f"/proc/{child}/limits").read()
    locked = [world.agent.process.pid] + ([child] if re.search(r"Max locked memory +unlimited", limits) else [])
    for pid in locked:
        expect(not re.search(r"VmLck:\s+0 kB", open(f"/proc/{pid}/status").read()), "memory with keys may get into swap")
    os.kill(child, signal.SIGSTOP)
    until("the child is gone", lambda: not runs(child), 5 + 1 + 1.5)
    expect(time.monotonic() - opened > 3, "it was killed long before its deadline")
    expect(world.agent.opened("mfp") is None, "status still has it")


def private_keys_in(pid, public_keys):
    """The 32-byte private keys in the memory of PID whose public key is one of PUBLIC_KEYS."""
    sodium = ctypes.CDLL(ctypes.util.find_library("sodium") or "libsodium.so.23")
    found = {}
    out = ctypes.create_string_buffer(32)
    with open(f"/proc/{pid}/maps") as maps, open(f"/proc/{pid}/mem", "rb", buffering=0) as memory:
        for line in maps:
            area = re.match(r"([0-9a-f]+)-([0-9a-f]+) rw", line)
            if not area:
                continue
            start, end = (int(text, 16) for text in area.groups())
            try:
                memory.seek(start)
                data = memory.read(end - start)
            except OSError:
                continue
            for at in range(0, len(data) - 31, 4):
                # A clamped Curve25519 key, and not a run of small or repeated bytes.
                if data[at] & 7 == 0 and data[at + 31] & 0xC0 == 0x40 and len(set(data[at:at + 32])) > 20:
                    sodium.crypto_scalarmult_base(out, data[at:at + 32])
                    if out.raw in public_keys:
                        found[out.raw] = data[at:at + 32]
    return found


def files_with(needles, folders, since):
    """Files of these folders that were written after `since` and hold one of the needles, raw or in hexadecimal."""
    hits = []
    for folder in folders:
        for base, _, names in os.walk(folder):
            for name in names:
                path = os.path.join(base, name)
                if not os.path.isfile(path) or os.path.islink(path) or os.stat(path).st_mtime < since:
                    continue
                try:
                    data = open(path, "rb").read(64 << 20)
                except OSError:
                    continue
                hits += [path for needle in needles if needle in data or needle.hex().encode() in data]
    return hits


@test("after kill -9 of the gate all ends at once, no private key is on disk, and a restart is off")
def killed_gate(world):
    since = time.time()
    agent = world.agent  # asked of the world again after the kill, it would be started
    agent.close()
    entry = world.opened()
    expect_page(world, entry, "not reachable before")
    child = agent.children()[0]
    keys = private_keys_in(child, {bytes.fromhex(entry["node_key"].removeprefix("nodekey:"))})
    expect(keys, "the node's private key was not found in the child's memory: the search is blind")
    expect(not private_keys_in(agent.process.pid, {bytes.fromhex(entry["node_key"].removeprefix("nodekey:"))}), "the gate has the private key")
    agent.kill()
    killed = time.monotonic()
    until("the child has ended", lambda: not runs(child), 1)
    expect(page(world, ipv4(entry), 1).returncode != 0, "the page still comes")
    expect(time.monotonic() - killed < 3, "this took too long to be a check of a second")
    places = [agent.folder, "/tmp", "/var/tmp", "/var/lib", "/dev/shm"]
    needle_place = os.path.join(agent.folder, "needle")
    open(needle_place, "wb").write(next(iter(keys.values())))
    expect(files_with(keys.values(), [agent.folder], since) == [needle_place], "the search of the disk is blind")
    os.unlink(needle_place)
    expect(files_with(keys.values(), places, since) == [], f"a private key is on disk: {files_with(keys.values(), places, since)}")
    agent.start()
    expect(agent.status()["open"] == [], "something is open after a restart")
    expect(agent.children() == [], "a child runs after a restart")
    answer = agent.command("audit", "verify")
    expect(answer.code == 0, f"audit verify after a kill: {answer}")


@long_test("a flow lives over two minutes, through a rekey")
def rekey(world):
    entry = world.opened()
    lab = world.lab
    # A drip of a byte every half second through raw 9100, for 150 s; the printer gets each of them.
    open(os.path.join(lab.state, "mfp", "raw.prn"), "wb").close()
    drip = lab.start("support", "bash", "-c", f"for i in $(seq 300); do printf x; sleep 0.5; done | socat -u - TCP:{ipv4(entry)}:9100")
    drip.wait(240)
    expect(drip.returncode == 0, "the flow broke")
    until("every byte arrived", lambda: os.path.getsize(os.path.join(lab.state, "mfp", "raw.prn")) == 300, 10)
