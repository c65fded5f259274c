"""What an engineer's client sees of a device that does something odd is what a host on its LAN sees: same bytes, same end."""
import concurrent.futures
import re
import time

from odd_device import OddDevice
from site_lab import ipv4, until
from world import expect, long_test, test

LAN_HOST = "pc"
LASER = "192.168.77.22"

# Uploads so many bytes and then reads all there is: how many bytes came, and how it ended.
UPLOAD = """
import socket, sys
address, port, size = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
line = socket.create_connection((address, port), 10)
line.settimeout(20)
try:
    line.sendall(b"POST /ipp HTTP/1.1\\r\\nHost: printer\\r\\nContent-Length: %d\\r\\n\\r\\n" % size)
    for _ in range(size // 65536): line.sendall(bytes(65536))
except (ConnectionResetError, BrokenPipeError):
    pass
got = 0
try:
    while True:
        more = line.recv(65536)
        if not more: break
        got += len(more)
except ConnectionResetError:
    pass
except TimeoutError:
    print(got, "and no end"); sys.exit()
print(got, "and an end")
"""


def uploads(lab, host, address, port, size, times):
    """What so many of them, four at a time, come to: {outcome: how often}."""
    def one(_):
        done = lab.run(host, "python3", "-c", UPLOAD, address, port, size)
        return done.stdout.strip() or done.stderr.strip().splitlines()[-1]

    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        outcomes = list(pool.map(one, range(times)))
    return {outcome: outcomes.count(outcome) for outcome in sorted(set(outcomes))}


def early_answers(world, times):
    world.engineer()
    entry = world.opened("laser")
    # No more than ten segments, which a device sends at once: what it still has to send when it closes is lost on the LAN, too.
    for status, size, upload in ((401, 300, 1 << 20), (413, 14_000, 4 << 20)):
        with OddDevice(world.lab, "laser", 80, "early_answer", status, size):
            here = uploads(world.lab, LAN_HOST, LASER, 80, upload, times)
            through = uploads(world.lab, "support", ipv4(entry), 80, upload, times)
            expect(here == {f"{size} and an end": times}, f"{status} on the LAN: {here}")
            expect(through == here, f"{status}: a client on the LAN gets {here}, the engineer {through}")


@test("a printer that answers before it has read the job, and resets: the whole answer arrives every time, and then the end")
def answered_early(world):
    early_answers(world, 4)


@long_test("a printer that answers before it has read the job, a hundred times")
def answered_early_often(world):
    early_answers(world, 100)


@long_test("an engineer who vanishes frees a printer that takes one connection, as one on the LAN does: within a minute, and the next is served")
def vanished_engineer(world):
    lab = world.lab
    world.engineer()
    entry = world.opened("laser")
    words = ["python3", "-c", "import socket, sys, time; line = socket.create_connection((sys.argv[1], 9100), 10); time.sleep(600)"]
    took = {}
    for host, address, gone in ((LAN_HOST, LASER, "eth0"), ("support", ipv4(entry), "eth0")):
        with OddDevice(lab, "laser", 9100, "one_at_a_time") as printer:
            client = lab.start(host, *words, address)
            try:
                expect(printer.line() == "taken", f"{host} is not connected")
                lab.run(host, "ip", "link", "set", gone, "down", check=True)
                try:
                    said = printer.line(90)
                finally:
                    lab.run(host, "ip", "link", "set", gone, "up", check=True)
                    if host == "support":
                        lab.run(host, "ip", "route", "replace", "default", "via", "203.0.113.1", check=False)
                took[host] = float(re.fullmatch(r"freed after ([0-9.]+) s", said).group(1))
            finally:
                client.kill()
                client.wait()
    expect(took["support"] < took[LAN_HOST] + 15, f"seconds until the printer is free: {took}")
    world.forget_engineer()
    world.engineer()
    until("the engineer is back", lambda: "LAB" in lab.run("support", "curl", "-sk", "-m", "3", f"https://{ipv4(entry)}/").stdout, 30)
