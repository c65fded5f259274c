"""Devices in trouble while they are open, what the agent's seat sends meanwhile, and two sites whose networks look the same."""
import concurrent.futures
import json
import os
import subprocess
import sys
import time

from own_agent import OwnAgent, says
from seat_frames import AGENT_MAC, ROUTER, ROUTER_MAC, announcing, captured, frames, make_stray_connection, sent_to_others
from second_engineer import bob_with_every_right
from site_lab import MACS, Agent, Lab, ipv4, until
from test_3_bad_input import REFUSED, UNREACHABLE
from world import expect, long_test, test

CONNECT_TIMEOUT = 10  # seconds that the agent tries to reach a device's port
ARP_PATIENCE = 3      # seconds that Linux looks for a neighbour before it says unreachable
LOOKS = 5             # seconds between two looks at a device that is silent
MARGIN = 2            # seconds that an engineer's client may hear it later than one beside the printer
SERIALS = {"mfp": "3089LAB00021", "laser": "LABJ00022", "label": "99J99LAB023", "inkjet": "X7LAB00024"}


def known_by(identities):
    """Edits a configuration: {device: lines that stand instead of its mac}."""
    def edit(text):
        for device, lines in identities.items():
            mac = f'mac = "{MACS[device]}"'
            text = text.replace(mac, lines.replace("MAC", mac))
        return text

    return edit


def with_serial(device, serial=None, community="public"):
    return f'MAC\nserial = "{serial or SERIALS[device]}"\ncommunity = "{community}"'


CLIENT = """
import errno, json, socket, sys, time
address, port, seconds = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
began, what = time.monotonic(), "answered"
try:
    with socket.create_connection((address, port), seconds) as connection:
        connection.settimeout(seconds - (time.monotonic() - began))
        connection.sendall(b"GET / HTTP/1.0\\r\\n\\r\\n")
        what = "answered" if connection.recv(1) else "ended"
except TimeoutError:
    what = "timed out"
except OSError as problem:
    what = errno.errorcode.get(problem.errno, str(problem))
print(json.dumps([what, time.monotonic() - began]))
"""


def ask(lab, host, address, port=80, patience=CONNECT_TIMEOUT + 4):
    """What a client at HOST gets that connects and asks for a page: (a word, or the name of its errno; after how many seconds)."""
    done = lab.run(host, sys.executable, "-c", CLIENT, address, port, patience, check=True)
    return tuple(json.loads(done.stdout))


def side_by_side(lab, entry, device, beside, port=80):
    """What the engineer's client gets, and one on the LAN at the same time."""
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        engineer = pool.submit(ask, lab, "support", ipv4(entry), port)
        on_lan = pool.submit(ask, lab, beside, lab.address(device), port)
        return engineer.result(), on_lan.result()


def same_error(what, engineer, on_lan):
    expect(engineer[0] == on_lan[0] and engineer[1] < on_lan[1] + MARGIN, f"{what}: the engineer got {engineer}, a client on the LAN {on_lan}")


def device_problem(agent, device):
    entry = agent.opened(device)
    return entry and entry["device_problem"]


def says_of(agent, device, words, seconds):
    """Waits until the status says these words of the device; it answers at once all the while."""
    def said():
        began = time.monotonic()
        problem = device_problem(agent, device)
        expect(time.monotonic() - began < 2, f"status took {time.monotonic() - began:.1f} s")
        expect(problem is not None, f"{device} is no longer open: {agent.log_tail()}")
        return words in problem

    until(f"the status says of {device}: {words!r}", said, seconds, 0.2)


def is_well(lab, agent, device, entry):
    until(f"{device} is reached again", lambda: ask(lab, "support", ipv4(entry), patience=3)[0] == "answered", LOOKS + 8, 0.5)
    expect(device_problem(agent, device) == "", f"{device} is still said to be in trouble: {device_problem(agent, device)}")


@test("a printer with another serial number is not opened; one that is unplugged is unreachable as on the LAN and said so, and two that come back end it")
def trouble_in_short(world):
    lab = world.lab
    world.engineer()
    with OwnAgent(lab, "identity", known_by({"mfp": with_serial("mfp"), "laser": with_serial("laser", "LABJ00023")}), devices=("mfp", "laser")) as agent:
        agent.start()
        says(agent.command("open", "laser", "--for", "30m"), UNREACHABLE, "has serial number LABJ00022, not LABJ00023", "check address and serial of laser")
        entry = agent.open("mfp")
        expect(ask(lab, "support", ipv4(entry))[0] == "answered", "mfp is not reached")
        lab.printer_lab("fault", "mfp", "unplug")
        try:
            engineer, on_lan = side_by_side(lab, entry, "mfp", "pc")
            expect(on_lan[0] == "EHOSTUNREACH", f"a client on the LAN gets {on_lan}")
            same_error("unplug", engineer, on_lan)
            says_of(agent, "mfp", f"mfp has not answered ARP at {lab.address('mfp')} since", ARP_PATIENCE + LOOKS)
            quick = ask(lab, "support", ipv4(entry))
            expect(quick[0] == "EHOSTUNREACH" and quick[1] < 1, f"the next client gets {quick}")
            lab.printer_lab("fault", "mfp", "dup-ip")
            lab.run("mfp", "ip", "link", "set", "eth0", "up")
            until("two devices at the address end it", lambda: agent.opened("mfp") is None, LOOKS + 4)
        finally:
            lab.printer_lab("heal", "mfp")
        why = agent.audit()[-1]["why"]
        expect("device answers at the address" in why and "02:da:00:00:4d:3c" in why, f"the record says: {why}")


@long_test("all seven faults while open: the status says each in words, the engineer's client hears what one on the LAN hears, another identity ends it, all well after")
def in_trouble(world):
    lab = world.lab
    world.engineer()
    world.agent.close()
    identities = {device: with_serial(device) for device in ("mfp", "label")}
    with OwnAgent(lab, "trouble", known_by(identities), devices=("mfp", "laser", "label", "inkjet")) as agent:
        agent.start()
        held_by_faults(lab, agent)
        ended_by_faults(lab, agent)


def held_by_faults(lab, agent):
    """hang, unplug, acl and snmp-off: the warrants stay."""
    faults = {"mfp": "hang", "laser": "unplug", "inkjet": "acl", "label": "snmp-off"}
    entries = {device: agent.open(device) for device in faults}
    for device, entry in entries.items():
        expect(ask(lab, "support", ipv4(entry))[0] == "answered", f"{device} is not reached before")
    open_flow = subprocess.Popen(lab.enter("support", ["socat", "-", f"TCP:{ipv4(entries['laser'])}:23"]), stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        expect(b"LAB print server" in open_flow.stdout.readline(), "the console of laser does not greet")
        for device, kind in faults.items():
            lab.printer_lab("fault", device, kind)
        # Beside the printer stands the PC; what an access list drops, only the agent's own seat finds out.
        with concurrent.futures.ThreadPoolExecutor(3) as pool:
            asked = {device: pool.submit(side_by_side, lab, entries[device], device, "agent" if device == "inkjet" else "pc")
                     for device in ("mfp", "laser", "inkjet")}
            answers = {device: each.result() for device, each in asked.items()}
        for device, word in (("mfp", "timed out"), ("laser", "EHOSTUNREACH"), ("inkjet", "timed out")):
            expect(answers[device][1][0] == word, f"{device} ({faults[device]}): a client on the LAN got {answers[device][1]}")
            same_error(f"{device} ({faults[device]})", *answers[device])
        open_flow.stdin.write(b"status\r\n")
        open_flow.stdin.flush()
        says_of(agent, "laser", f"laser has not answered ARP at {lab.address('laser')} since", 10)
        says_of(agent, "inkjet", "inkjet, port 80, has not answered a connection since", 10)
        # Within the minute after which keepalive gives a silent peer up.
        lab.printer_lab("heal", "laser")
        expect(b"Port: 9100 open" in read_until(open_flow, b"Port: 9100 open", 30), "the flow that was open did not go on")
        for device in ("mfp", "label"):
            says_of(agent, device, f"{device} has not answered SNMP with its community at {lab.address(device)} since", 75)
        for device in ("mfp", "label"):
            held = ask(lab, "support", ipv4(entries[device]))
            expect(held[0] == "EHOSTUNREACH" and held[1] < 2, f"{device} is held back, and the engineer got {held}")
    finally:
        open_flow.kill()
        open_flow.wait(5)
        for device in faults:
            lab.printer_lab("heal", device)
    for device, entry in entries.items():
        is_well(lab, agent, device, entry)


def ended_by_faults(lab, agent):
    """renumber and community hold; dup-ip and another serial number end."""
    entries = {device: agent.opened(device) for device in ("mfp", "laser", "label")}
    faults = {"mfp": "dup-ip", "laser": "renumber", "label": "community"}
    try:
        for device, fault in faults.items():
            lab.printer_lab("fault", device, fault)
        engineer, on_lan = side_by_side(lab, entries["laser"], "laser", "pc")
        expect(on_lan[0] == "EHOSTUNREACH", f"laser has another address: a client on the LAN gets {on_lan}")
        same_error("renumber", engineer, on_lan)
        says_of(agent, "laser", f"laser has not answered ARP at {lab.address('laser')} since", 10)
        until("two hosts at its address end mfp", lambda: agent.opened("mfp") is None, 70)
        says_of(agent, "label", "label has not answered SNMP with its community", 75)
    finally:
        for device in faults:
            lab.printer_lab("heal", device)
    for device in ("laser", "label"):
        is_well(lab, agent, device, entries[device])
    lab.printer_lab("fault", "label", "serial", "inkjet")
    try:
        until("another serial number ends label", lambda: agent.opened("label") is None, 75)
    finally:
        lab.printer_lab("heal", "label")
    for device in ("mfp", "label"):
        until(f"the engineer's client loses the node of {device}", lambda name=entries[device]["name"]: name not in lab.ts("status"), 15)
    why = {record["device"]: record["why"] for record in agent.audit() if record["event"] == "closed"}
    expect("more than one device answers at the address: 02:da:00:00:4d:15, 02:da:00:00:4d:3c" in why["mfp"], f"the record says {why}")
    expect("with serial number X7LAB00024" in why["label"], f"the record says {why}")
    for device in ("mfp", "label"):
        entry = agent.open(device)
        is_well(lab, agent, device, entry)
    agent.close()


@long_test("a printer behind a router: refused with its MAC alone, opened by its serial number, held back while its SNMP is off, well again after")
def behind_a_router(world):
    lab = world.lab
    world.engineer()
    world.agent.close()
    address = "192.168.78.21"
    lab.printer_lab("branch", "on")
    try:
        def described(lines):
            def edit(text):
                return known_by({"mfp": lines})(text).replace(f'address = "{lab.address("mfp")}"', f'address = "{address}"')

            return edit

        with OwnAgent(lab, "branch-mac", described("MAC"), devices=("mfp",)) as agent:
            agent.start()
            says(agent.command("open", "mfp", "--for", "30m"), REFUSED, f"{address} is in none of this host's networks", "leave mac out and set serial")
        with OwnAgent(lab, "branch", described('serial = "3089LAB00021"'), devices=("mfp",)) as agent:
            agent.start()
            entry = agent.open("mfp")
            expect(ask(lab, "support", ipv4(entry))[0] == "answered", "it is not reached")
            lab.printer_lab("fault", "branch", "snmp-off")
            says_of(agent, "mfp", f"mfp has not answered SNMP with its community at {address} since", 75)
            held = ask(lab, "support", ipv4(entry))
            expect(held[0] == "EHOSTUNREACH" and held[1] < 2, f"it is held back, and the engineer got {held}")
            lab.printer_lab("heal", "branch")
            is_well(lab, agent, "mfp", entry)
            lab.printer_lab("fault", "branch", "serial", "label")
            until("another serial number ends it", lambda: agent.opened("mfp") is None, 70)
    finally:
        lab.printer_lab("branch", "off")


def read_until(process, text, seconds):
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        def read():
            got = b""
            while text not in got and (data := process.stdout.read1(4096)):
                got += data
            return got

        reading = pool.submit(read)
        try:
            return reading.result(seconds)
        except concurrent.futures.TimeoutError:
            process.kill()
            return reading.result(5)


@test("an engineer's client that announces addresses of the LAN changes nothing: only the device, its ARP, and the WAN are in a capture")
def only_the_device(world):
    lab = world.lab
    world.engineer()
    world.agent.close()
    path = os.path.join(lab.state, "agent.pcap")
    with announcing(lab, lab.address("files"), lab.address("pc"), ROUTER, "192.168.77.77") as announced:
        announced()
        with captured(lab, path):
            entry = world.agent.open("mfp")
            lab.ts("ping", "--c", "10", ipv4(entry))
            until("the path is direct", lambda: world.agent.opened("mfp")["paths"][0]["path"] == "direct", 10)
            time.sleep(6)  # of looking for better paths
            expect(lab.run("support", "curl", "-sSk", "-m", "10", f"https://{ipv4(entry)}/").returncode == 0, "the page does not come")
            lab.run("support", "snmpwalk", "-v2c", "-c", "public", ipv4(entry), "1.3.6.1.2.1.1", check=True)
            make_stray_connection(lab)
            world.agent.close()
    sent_to_others(lab, path, "mfp")
    senders = frames(path, f"ether dst {AGENT_MAC} and not arp and not ether src ({MACS['mfp']} or {ROUTER_MAC} or {MACS['label']})")
    expect(not senders, f"the agent's seat got {senders[:5]}")
    expect(frames(path, f"ip and dst host {lab.address('mfp')}") and frames(path, "udp and dst net 203.0.113.0/24"), "the session itself is not in it")


class SecondSite(Lab):
    """Another customer with the same addresses inside, on the same WAN, in the same tailnet."""

    def __init__(self, first):
        super().__init__(f"{first.prefix}2")
        self.first = first
        self.tailnet_state = first.tailnet_state
        self.environment["TAILNET_STATE"] = first.tailnet_state

    def __enter__(self):
        self.printer_lab("down", check=False)
        self.printer_lab("up", "--wan-of", self.first.prefix, "agent", "inkjet")
        return self

    def __exit__(self, *_):
        self.printer_lab("down", check=False)


def second_page(lab, address):
    got = lab.run("support", "curl", "-sSk", "-m", "10", f"https://{address}/")
    return "the printer of the second site" in got.stdout


@test("two sites with the same network, open at once: one engineer reaches the printer of each, one who is not named gets nothing, whatever the policy lets him")
def two_sites(world):
    lab = world.lab
    world.engineer()
    world.agent.close()
    with SecondSite(lab) as second, bob_with_every_right(lab) as bob, concurrent.futures.ThreadPoolExecutor(1) as pool:
        agent = Agent(second, devices=("inkjet",), engineers=("alice@example.com", "bob@example.com"))
        with open(os.path.join(second.state, "inkjet", "www", "index.html"), "w") as page:
            page.write("<p>the printer of the second site</p>")
        agent.start()
        try:
            here, there = world.agent.open("inkjet"), agent.open("inkjet", "30m", "--engineer", "alice@example.com")
            expect(lab.address("inkjet") == second.address("inkjet"), "the sites do not have the same addresses")
            bob.sees(ipv4(here), ipv4(there))
            bobs = pool.submit(bob.gets, ipv4(here), ipv4(there))
            for _ in range(3):
                for entry, text in ((here, "EPSON LAB-5900"), (there, "the printer of the second site")):
                    got = lab.run("support", "curl", "-sSk", "-m", "10", f"https://{ipv4(entry)}/")
                    expect(text in got.stdout, f"{entry['name']}: {got.stderr}{got.stdout[:200]}")
            for entry in (here, there):
                lab.ts("ping", "--c", "10", ipv4(entry))
            paths = [one.opened("inkjet")["paths"][0] for one in (world.agent, agent)]
            expect([path["path"] for path in paths] == ["direct", "direct"], f"the paths are {paths}")
            expect(bobs.result() == [], f"bob got {bobs.result()}")
            for one in (world.agent, agent):
                expect("bob@example.com" in str([r for r in one.audit() if r["event"] == "engineer_refused"]), "bob's refusal is not recorded")
            world.agent.close()
            expect(agent.opened("inkjet") is not None, "closing at one site closed at the other")
            expect(second_page(lab, ipv4(there)), "the second site ended with the first")
            agent.close()  # named, he gets it: his client was not the reason
            again = agent.open("inkjet", "30m", "--engineer", "bob@example.com")
            bob.sees(ipv4(again))
            expect("the printer of the second site" in bob.fetch(ipv4(again), 10).stdout, "bob does not get it when he is named")
        finally:
            agent.stop()
