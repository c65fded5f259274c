"""Devices in trouble while they are open, what the agent's seat sends meanwhile, and two sites whose networks look the same."""
import concurrent.futures
import os
import subprocess
import time

from seat_frames import AGENT_MAC, ROUTER, ROUTER_MAC, announcing, captured, frames, make_stray_connection, sent_to_others
from second_engineer import bob_with_every_right
from site_lab import MACS, Agent, Lab, ipv4, until
from world import expect, long_test, test

FAULTS = {"mfp": "hang", "laser": "unplug", "inkjet": "acl"}
CONNECT_TIMEOUT = 10  # seconds that the agent tries to reach a device's port
TIMED_OUT, NO_CONNECTION = 28, 7  # of curl


def fetch(lab, host, address, seconds=CONNECT_TIMEOUT + 4):
    began = time.monotonic()
    done = lab.run(host, "curl", "-sS", "-m", seconds, f"http://{address}/")
    return done.returncode, time.monotonic() - began, done.stderr.strip()


@long_test("printers that hang, are unplugged or drop the agent while open: their errors come as on the LAN, open flows wait, status answers")
def in_trouble(world):
    lab = world.lab
    world.engineer()
    world.agent.close()
    entries = {device: world.agent.open(device) for device in FAULTS}
    for device, entry in entries.items():
        expect(fetch(lab, "support", ipv4(entry))[0] == 0, f"{device} is not reached before")
    open_flow = subprocess.Popen(lab.enter("support", ["socat", "-", f"TCP:{ipv4(entries['laser'])}:23"]), stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        expect(b"LAB print server" in open_flow.stdout.readline(), "the console of laser does not greet")
        for device, kind in FAULTS.items():
            lab.printer_lab("fault", device, kind)
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            through = {device: pool.submit(fetch, lab, "support", ipv4(entry)) for device, entry in entries.items()}
            beside = {device: pool.submit(fetch, lab, "agent", lab.address(device)) for device in entries}
            open_flow.stdin.write(b"status\r\n")
            open_flow.stdin.flush()
            for _ in range(4):
                began = time.monotonic()
                opened = {entry["device"] for entry in world.agent.status()["open"]}
                expect(opened == set(FAULTS) and time.monotonic() - began < 2, f"status: {opened} after {time.monotonic() - began:.1f} s")
                time.sleep(0.5)
            answers = {device: (through[device].result(), beside[device].result()) for device in entries}
        for device, (engineer, seat) in answers.items():
            said = f"{device} ({FAULTS[device]}): the engineer got {engineer}, the agent's seat {seat}"
            expect(seat[0] != 0, said)
            if FAULTS[device] == "hang":  # who accepts and says nothing is waited for, there as here
                expect(engineer[0] == seat[0] == TIMED_OUT, said)
            else:  # no later than on the LAN, or than the agent's own patience
                expect(engineer[0] == NO_CONNECTION and engineer[1] < CONNECT_TIMEOUT + 2, said)
    finally:
        for device in FAULTS:
            lab.printer_lab("heal", device)
    expect(b"Port: 9100 open" in read_until(open_flow, b"Port: 9100 open", 30), "the flow that was open did not go on")
    open_flow.kill()
    open_flow.wait(5)
    for device, entry in entries.items():
        until(f"{device} is reached again", lambda address=ipv4(entry): fetch(lab, "support", address)[0] == 0, 20)
    world.agent.close()


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
