"""What stands still, and what is too much: nothing of ours waits longer than it promises, or grows."""
import contextlib
import json
import os
import re
import signal
import subprocess
import time

from own_agent import OwnAgent
from site_lab import HERE, Failure, ipv4, sha256, until
from test_2_boundaries import runs
from test_3_bad_input import UNREACHABLE
from told_control import ToldControl
from world import expect, long_test

OPENING = 20 + 3  # seconds that an open takes at most, and what the lab may add
LEAVING = 1 + 2   # seconds from a close until its tunnel is gone, and the same
MEMORY = 64 << 20


@contextlib.contextmanager
def frozen(pid):
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)


def peer_pid(world, name):
    return int(open(os.path.join(world.lab.tailnet_state, f"{name}.pid")).read())


def within(seconds, what, action):
    began = time.monotonic()
    result = action()
    took = time.monotonic() - began
    expect(took < seconds, f"{what} took {took:.1f} s")
    return result


def page(world, entry, seconds=10):
    return world.lab.run("support", "curl", "-sSk", "-m", seconds, f"https://{ipv4(entry)}/")


def fresh(world, device="mfp"):
    """The device is open anew, with a direct path."""
    world.engineer()
    world.agent.close()
    entry = world.agent.open(device)
    world.lab.ts("ping", "--c", "10", ipv4(entry))
    until("the path is direct", lambda: world.agent.opened(device)["paths"][0]["path"] == "direct", 15)
    return entry


def close_quickly(world):
    children = world.agent.children()
    within(LEAVING, "the close", world.agent.close)
    expect(not [child for child in children if runs(child)], "a tunnel is left")
    expect(world.agent.status()["open"] == [], "something is open")


@long_test("gate frozen: each tunnel ends itself at its deadline, and nothing is open when the gate goes on")
def frozen_gate(world):
    world.engineer()
    world.agent.close()
    entries = [world.agent.open(device, "6s") for device in ("mfp", "laser")]
    opened = time.monotonic()
    expect("LAB C4500" in page(world, entries[0]).stdout, "not reached before")
    children = world.agent.children()
    expect(len(children) == 2, f"children: {children}")
    with frozen(world.agent.process.pid):
        until("both tunnels have ended", lambda: not [child for child in children if runs(child)], 6 + LEAVING)
        expect(time.monotonic() - opened > 3, "they ended long before their deadline")
        expect(page(world, entries[0], 2).returncode != 0, "the page still comes")
    until("nothing is open", lambda: world.agent.status()["open"] == [], 2)
    fresh(world)
    close_quickly(world)


@long_test("tunnel frozen: a close ends it by force, status answers meanwhile")
def frozen_tunnel(world):
    fresh(world)
    with frozen(world.agent.children()[0]):
        within(2, "status", world.agent.status)
        close_quickly(world)


@long_test("relay frozen: what is open directly goes on, an open fails in its time and says why, then all works again")
def frozen_relay(world):
    entry = fresh(world)
    with frozen(peer_pid(world, "derper")):
        expect("LAB C4500" in page(world, entry).stdout, "the direct path needs the relay")
        answer = within(OPENING, "an open", lambda: world.agent.command("open", "laser", "--for", "30m"))
        expect(answer.code == UNREACHABLE and "relay" in answer.err, f"{answer}")
        within(2, "status", world.agent.status)
        expect("LAB C4500" in page(world, entry).stdout, "the direct path ended")
    world.agent.open("laser")
    close_quickly(world)


@long_test("control server frozen: what is open goes on, an open fails in its time and says why, a close does not wait")
def frozen_control(world):
    entry = fresh(world)
    with frozen(peer_pid(world, "headscale")):
        answer = within(OPENING, "an open", lambda: world.agent.command("open", "laser", "--for", "30m"))
        expect(answer.code == UNREACHABLE and "control server" in answer.err, f"{answer}")
        within(2, "status", world.agent.status)
        expect("LAB C4500" in page(world, entry).stdout, "the session ended")
        close_quickly(world)
    fresh(world)
    close_quickly(world)


@long_test("engineer frozen in the middle of a transfer: status answers, a close does not wait, and he is served again afterwards")
def frozen_engineer(world):
    lab = world.lab
    entry = fresh(world)
    transfer = lab.start("support", "curl", "-sk", "--limit-rate", "500k", "-o", "/dev/null", f"https://{ipv4(entry)}/firmware.bin")
    try:
        until("the transfer runs", lambda: world.agent.opened("mfp")["flows"] > 0, 5)
        with frozen(peer_pid(world, "engineer")):
            time.sleep(5)
            within(2, "status", world.agent.status)
            close_quickly(world)
    finally:
        transfer.kill()
        transfer.wait(5)
    expect("LAB C4500" in page(world, fresh(world)).stdout, "the engineer is not served again")
    close_quickly(world)


@long_test("printer that stops reading for forty seconds in the middle of a job gets the rest of it afterwards")
def frozen_printer(world):
    lab = world.lab
    entry = fresh(world)
    job = os.path.join(lab.state, "mfp", "raw.prn")
    open(job, "wb").close()
    data = os.urandom(24 << 20)
    source = os.path.join(lab.state, "job")
    with open(source, "wb") as file:
        file.write(data)
    printer = int(open(os.path.join(lab.state, "mfp", "raw.pid")).read())
    with frozen(printer):
        sending = lab.start("support", "socat", "-u", f"OPEN:{source}", f"TCP:{ipv4(entry)}:9100", stderr=subprocess.PIPE)
        time.sleep(40)
        expect(sending.poll() is None, "the job did not wait for the printer")
        within(2, "status", world.agent.status)
    _, said = sending.communicate(timeout=60)
    expect(sending.returncode == 0, f"the job broke: {said}")
    until("the whole job arrived", lambda: f"{len(data)} {sha256(data)}" in lab.printer_lab("jobs", "mfp"), 30)
    open(job, "wb").close()
    close_quickly(world)


def most_memory(pid):
    return int(re.search(r"VmHWM:\s+(\d+) kB", open(f"/proc/{pid}/status").read()).group(1)) << 10


def packets_in(lab):
    """That the agent's seat has received."""
    line = next(line for line in open(f"/proc/{lab.holder('agent')}/net/dev") if "eth0:" in line)
    return int(line.split(":")[1].split()[1])


def seen_at(lab, name):
    """Where the engineer's client reaches the device, as his client says."""
    peers = json.loads(lab.ts("status", "--json"))["Peer"]
    return next(peer["CurAddr"] for peer in peers.values() if peer["DNSName"].startswith(name))


@long_test("floods of first segments, datagrams and handshakes, from the engineer and from outside: gate and tunnel stay under 64 MiB and serve on")
def floods(world):
    lab = world.lab
    entry = fresh(world)
    engineer, device = lab.ts("ip", "-4").strip(), ipv4(entry)
    reached_at, port = seen_at(lab, "mfp").rsplit(":", 1)
    outside = "203.0.113.20"
    node_key = entry["node_key"].removeprefix("nodekey:")
    processes = {"gate": world.agent.process.pid, "tunnel": world.agent.children()[0]}
    lab.run("support", "nft", "add table inet flood; add chain inet flood out { type filter hook output priority 0; };"
            " add rule inet flood out oifname ts0 tcp flags rst drop", check=True)  # the connections stay half open
    try:
        for words in (["syn", engineer, device, 80, 443, 9100], ["syn", engineer, device, *range(1, 200)], ["udp", engineer, device, 161],
                      ["udp", engineer, device, *range(1000, 1100)], ["initiation", outside, reached_at, port, 41641, node_key]):
            before = packets_in(lab)
            flood = lab.start("support", "python3", f"{HERE}/flood.py", 6, *words, stdout=subprocess.PIPE, text=True)
            time.sleep(3)
            within(3, f"status during {words[0]}", world.agent.status)
            sent = int(flood.communicate(timeout=30)[0])
            memory = {name: most_memory(pid) for name, pid in processes.items()}
            arrived = packets_in(lab) - before
            print(f"     {words[0]}: {sent} packets, {arrived} arrived; " +
                  ", ".join(f"{name} at most {size >> 20} MiB" for name, size in memory.items()), flush=True)
            expect(arrived > 20_000, f"{words[0]}: no flood: {sent} packets, {arrived} arrived")
            expect(max(memory.values()) < MEMORY, f"after {words[0]}: {memory}")
            until(f"the page comes after {words[0]}", lambda: "LAB C4500" in page(world, entry, 5).stdout, 30)
    finally:
        lab.run("support", "nft", "delete table inet flood")
        lab.printer_lab("fault", "mfp", "snmp-off")  # the lab's SNMP agent does not survive datagrams that are no SNMP
        lab.printer_lab("heal", "mfp")
    close_quickly(world)


TOO_MUCH = {  # what quoin-hostile-control sends, and what the status then says of it
    "peers": "a map message: too many values at PeersChanged",
    "crowd": "the map has too many peers",
    "filters": "its packet filter is too long or cannot be read, and nothing passes",
    "values": "a map message: too many values",
    "deep": "a map message: too deeply nested",
    "long": "a map message was too long",
    "bomb": "a map message was too long",
    "text": "",  # a long name is cut
    "full": "",  # as many peers as are taken, each with everything it may have
}


@long_test("a control server that sends too much, nine ways, over and over: gate and tunnel stay under 64 MiB, status says what is wrong, a close works")
def oversized_maps(world):
    lab = world.lab
    world.agent.close()
    with ToldControl(lab) as control:
        agent = OwnAgent(lab, "oversized", control.edit)
        agent.key("any")
        with agent.start():
            agent.open("mfp")
            processes = {"gate": agent.process.pid, "tunnel": agent.children()[0]}
            for name, says_so in TOO_MUCH.items():
                before = control.count(name)
                control.again_and_again(name)
                if says_so:
                    seen = set()
                    with contextlib.suppress(Failure):
                        until("status says so", lambda: seen.add(agent.opened("mfp")["problem"]) or any(
                            f"a network map that cannot be used ({says_so}" in problem for problem in seen), 30, 0.01)
                    expect(any(f"a network map that cannot be used ({says_so}" in problem for problem in seen), f"{name}: status says {seen}")
                end = time.monotonic() + 6
                while time.monotonic() < end:
                    within(2, f"status under {name}", agent.status)
                    time.sleep(0.2)
                until(f"{name} was sent again and again", lambda: control.count(name) > before + 2, 30)
                expect(agent.children() == [processes["tunnel"]], f"{name}: the tunnel ended: {agent.audit()[-1]}")
                memory = {process: most_memory(pid) for process, pid in processes.items()}
                print(f"     {name}: sent {control.count(name) - before} times; " +
                      ", ".join(f"{process} at most {size >> 20} MiB" for process, size in memory.items()), flush=True)
                expect(max(memory.values()) < MEMORY, f"after {name}: {memory}")
                expect(agent.opened("mfp")["state"] == "open", f"{name}: {agent.opened('mfp')}")
            control.again_and_again("nothing")
            until("no problem is left", lambda: agent.opened("mfp")["problem"] == "", 60)
            within(LEAVING, "the close", agent.close)
