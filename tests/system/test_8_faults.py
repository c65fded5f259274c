"""Devices in trouble while they are open, what the agent's seat sends meanwhile, and two sites whose networks look the same."""
import concurrent.futures
import contextlib
import os
import signal
import subprocess
import time

from site_lab import Agent, Lab, MACS, ipv4, until
from world import expect, long_test, test

AGENT_MAC, ROUTER_MAC = "02:da:00:00:4d:0a", "02:da:00:00:4d:01"
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


@contextlib.contextmanager
def captured(lab, path):
    """Every frame of the agent's MAC on the site's switch."""
    words = ["tcpdump", "-i", "br0", "--immediate-mode", "-U", "-w", path, "ether", "host", AGENT_MAC]
    capture = subprocess.Popen(["ip", "netns", "exec", lab.namespace("site"), *words], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                               stderr=subprocess.PIPE, text=True)
    expect("listening" in capture.stderr.readline(), "tcpdump does not capture")
    try:
        yield
    finally:
        capture.send_signal(signal.SIGINT)
        capture.communicate(timeout=5)


def frames(path, expression):
    done = subprocess.run(["tcpdump", "-nn", "-e", "-r", path, expression], capture_output=True, text=True)
    expect(done.returncode == 0, done.stderr)
    return done.stdout.splitlines()


@test("an engineer's client that announces addresses of the LAN changes nothing: only the device, its ARP, and the WAN are in a capture")
def only_the_device(world):
    lab = world.lab
    world.engineer()
    world.agent.close()
    inside = [lab.address("files"), lab.address("pc"), "192.168.77.1", "192.168.77.77"]
    path = os.path.join(lab.state, "agent.pcap")
    try:
        for address in inside:
            lab.run("support", "ip", "address", "add", f"{address}/32", "dev", "eth0", check=True)
        until("the client announces them", lambda: all(f'"{address}:' in lab.ts("status", "--json") for address in inside), 30, 0.5)
        with captured(lab, path):
            entry = world.agent.open("mfp")
            lab.ts("ping", "--c", "10", ipv4(entry))
            until("the path is direct", lambda: world.agent.opened("mfp")["paths"][0]["path"] == "direct", 10)
            time.sleep(6)  # of looking for better paths
            expect(lab.run("support", "curl", "-sSk", "-m", "10", f"https://{ipv4(entry)}/").returncode == 0, "the page does not come")
            lab.run("support", "snmpwalk", "-v2c", "-c", "public", ipv4(entry), "1.3.6.1.2.1.1", check=True)
            lab.run("agent", "timeout", "1", "socat", "-u", "/dev/null", f"TCP:{lab.address('label')}:80")  # the probe: not the agent's doing
            world.agent.close()
    finally:
        for address in inside:
            lab.run("support", "ip", "address", "del", f"{address}/32", "dev", "eth0")
    device = lab.address("mfp")
    # Whoever asks for the seat's own address is answered by its kernel.
    allowed = (f"(arp and (arp[6:2] = 2 or dst host {device} or dst host 192.168.77.1)) or (ip and ether dst {MACS['mfp']} and dst host {device})"
               f" or (ip and ether dst {ROUTER_MAC} and not dst net 192.168.77.0/24)")
    other = frames(path, f"ether src {AGENT_MAC} and not ({allowed})")
    probes = [line for line in other if lab.address("label") in line]
    expect(probes, "the capture is blind: it has not the connection that was made on purpose")
    expect(other == probes, f"the agent's seat sent {[line for line in other if line not in probes][:5]}")
    senders = frames(path, f"ether dst {AGENT_MAC} and not arp and not (ether src {MACS['mfp']} or ether src {ROUTER_MAC} or ether src {MACS['label']})")
    expect(not senders, f"the agent's seat got {senders[:5]}")
    expect(frames(path, f"ip and dst host {device}") and frames(path, "udp and dst net 203.0.113.0/24"), "the session itself is not in the capture")


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


@test("two sites with the same network, open at once: one engineer reaches the printer of each")
def two_sites(world):
    lab = world.lab
    world.engineer()
    world.agent.close()
    with SecondSite(lab) as second:
        agent = Agent(second, devices=("inkjet",))
        with open(os.path.join(second.state, "inkjet", "www", "index.html"), "w") as page:
            page.write("<p>the printer of the second site</p>")
        agent.start()
        try:
            here, there = world.agent.open("inkjet"), agent.open("inkjet")
            expect(lab.address("inkjet") == second.address("inkjet"), "the sites do not have the same addresses")
            for _ in range(3):
                for entry, text in ((here, "EPSON LAB-5900"), (there, "the printer of the second site")):
                    got = lab.run("support", "curl", "-sSk", "-m", "10", f"https://{ipv4(entry)}/")
                    expect(text in got.stdout, f"{entry['name']}: {got.stderr}{got.stdout[:200]}")
            for entry in (here, there):
                lab.ts("ping", "--c", "10", ipv4(entry))
            paths = [one.opened("inkjet")["paths"][0] for one in (world.agent, agent)]
            expect([path["path"] for path in paths] == ["direct", "direct"], f"the paths are {paths}")
            world.agent.close()
            expect(agent.opened("inkjet") is not None, "closing at one site closed at the other")
            got = lab.run("support", "curl", "-sSk", "-m", "10", f"https://{ipv4(there)}/")
            expect("second site" in got.stdout, f"after the close at the first site: {got.stderr}")
        finally:
            agent.stop()
