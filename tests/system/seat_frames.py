"""What the agent's seat sends and gets, seen from the switch of its site: every frame with its MAC address."""
import contextlib
import signal
import subprocess

from site_lab import MACS, until
from world import expect

AGENT_MAC, ROUTER_MAC = "02:da:00:00:4d:0a", "02:da:00:00:4d:01"
LAN, ROUTER = "192.168.77.0/24", "192.168.77.1"


def due(lab, *devices):
    """The frames that an agent with these devices open may send. Whoever asks for the seat's own address is answered by its kernel."""
    kinds = [f"arp and (arp[6:2] = 2 or dst host {ROUTER})", f"ip and ether dst {ROUTER_MAC} and not dst net {LAN}"]
    for device in devices:
        kinds += [f"arp and dst host {lab.address(device)}", f"ip and ether dst {MACS[device]} and dst host {lab.address(device)}"]
    return " or ".join(f"({kind})" for kind in kinds)  # in these expressions, and binds no closer than or


@contextlib.contextmanager
def captured(lab, path, expression=f"ether host {AGENT_MAC}"):
    words = ["tcpdump", "-i", "br0", "--immediate-mode", "-U", "-w", path, expression]
    capture = subprocess.Popen(["ip", "netns", "exec", lab.namespace("site"), *words], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                               stderr=subprocess.PIPE, text=True)
    expect("listening" in capture.stderr.readline(), "tcpdump does not capture")
    try:
        yield
    finally:
        capture.send_signal(signal.SIGINT)
        capture.communicate(timeout=5)


def frames(path, *expression):
    done = subprocess.run(["tcpdump", "-nn", "-e", "-r", path, *expression], capture_output=True, text=True)
    expect(done.returncode == 0, done.stderr)
    return done.stdout.splitlines()


def make_stray_connection(lab):
    """A connection from the agent's seat that is not the agent's: a capture that has it is not blind."""
    lab.run("agent", "timeout", "1", "socat", "-u", "/dev/null", f"TCP:{lab.address('label')}:80")


def sent_to_others(lab, path, *devices):
    """Fails if the seat sent any frame that was not due, but for those of the stray connection."""
    other = frames(path, f"ether src {AGENT_MAC} and not ({due(lab, *devices)})")
    strays = [line for line in other if lab.address("label") in line]
    expect(strays, "the capture is blind: it has not the connection that was made on purpose")
    expect(other == strays, f"the agent's seat sent {[line for line in other if line not in strays][:5]}")


@contextlib.contextmanager
def announcing(lab, *addresses):
    """The engineer's machine has these addresses too, and its client, once it runs, announces them as places to reach it."""
    try:
        for address in addresses:
            lab.run("support", "ip", "address", "replace", f"{address}/32", "dev", "eth0", check=True)
        yield lambda: until("the client announces them", lambda: all(f'"{address}:' in lab.ts("status", "--json") for address in addresses), 30, 0.5)
    finally:
        for address in addresses:
            lab.run("support", "ip", "address", "del", f"{address}/32", "dev", "eth0")
