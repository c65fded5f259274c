"""Windows that are tiny, closed for a while, or whose news is lost."""
import time

from kernel_side import (Exchange, both_ways, expect, kernel_connects, kernel_listens, receive, same, send)
from table import add, case

PORT = 7000


def stack_sends_to_slow_kernel(network, role, rcvbuf, pause, size=200_000):
    network.start(loss=0.5, delay=1)
    script = f"send={size}"
    if role == "passive":
        network.serve(PORT, script)
        sock = kernel_connects(PORT, rcvbuf=rcvbuf)
        flow = network.opened()
    else:
        listener = kernel_listens(PORT, rcvbuf=rcvbuf)
        flow = network.connect(PORT, script)
        sock, _ = listener.accept()
        sock.settimeout(60)
    time.sleep(pause)
    count, sha = receive(sock, piece=900)
    sock.close()
    account = network.end(flow)
    expect((count, sha) == (size, account["out_sha"]), f"the kernel read {count} bytes, or others than were written")


for role in ("passive", "active"):
    add(f"a kernel with the smallest receive buffer reads everything, stack {role}",
        lambda network, r=role: stack_sends_to_slow_kernel(network, r, 1, 0, 100_000), short=True)
    add(f"a kernel that reads nothing for 3 s (zero window) then reads everything, stack {role}",
        lambda network, r=role: stack_sends_to_slow_kernel(network, r, 8_192, 3), short=True)
    add(f"a kernel that reads nothing for 20 s (zero window, backed-off probes) then reads everything, stack {role}",
        lambda network, r=role: stack_sends_to_slow_kernel(network, r, 8_192, 20))
    add(f"a stack with 64 KiB for everything stays byte-exact, stack {role}",
        lambda network, r=role: (network.start(memory=65_536, loss=1, delay=2), both_ways(network, r, 300_000))[0] and None,
        short=True)
    add(f"a stack with 300 KB for everything stays byte-exact over a long path, stack {role}",
        lambda network, r=role: (network.start(memory=300_000, delay=40), both_ways(network, r, 2_000_000))[0] and None)


def stack_reads_slowly(network, script, size, wait=0):
    network.start(loss=0.5, delay=1)
    network.serve(PORT, script)
    exchange = Exchange(kernel_connects(PORT), size, 1)
    flow = network.opened()
    if wait:
        time.sleep(wait)
        network.ask(f"go {flow}")
    exchange.finish()
    same(exchange, network.end(flow), 0)


for name, script, size, short in (
        ("7 bytes every millisecond", "read=7 pause=1", 4_000, True), ("one byte at a time", "read=1", 30_000, True),
        ("1,000 bytes at a time without a rest", "read=1000", 500_000, True), ("100 KB every 50 ms", "read=100000 pause=50", 3_000_000, True),
        ("1,300 bytes every 5 ms", "read=1300 pause=5", 600_000, False)):
    add(f"a stack's application that reads {name} gets everything",
        lambda network, s=script, n=size: stack_reads_slowly(network, s, n), short=short)
for wait in (2, 20):
    add(f"a stack's application that reads nothing for {wait} s (zero window) then gets everything",
        lambda network, w=wait: stack_reads_slowly(network, "held", 1_000_000, w), short=wait == 2)


@case("the stack's window update is lost: the kernel's probe finds the window open", short=True)
def stack_update_lost(network):
    network.start(delay=1)
    network.serve(PORT, "held")
    exchange = Exchange(kernel_connects(PORT), 400_000, 1)
    flow = network.opened()
    time.sleep(0.5)
    network.link("to_kernel", loss=100)
    network.ask(f"go {flow}")
    time.sleep(0.3)
    network.link("to_kernel", loss=0)
    exchange.finish()
    same(exchange, network.end(flow), 0)


@case("the kernel's window update is lost: the stack's probe finds the window open", short=True)
def kernel_update_lost(network):
    network.start(delay=1)
    network.serve(PORT, "send=400000 finish=sent")
    sock = kernel_connects(PORT, rcvbuf=8_192)
    flow = network.opened()
    time.sleep(0.5)
    network.link("to_stack", loss=100)
    sock.settimeout(0.2)
    count = 0
    try:
        while piece := sock.recv(65536):
            count += len(piece)
    except TimeoutError:
        pass
    network.link("to_stack", loss=0)
    sock.settimeout(60)
    count += receive(sock)[0]
    sock.close()
    expect(count == 400_000, f"{count} of 400000 bytes")
    network.end(flow)


@case("the peer's end arrives while the stack's window is closed", short=True)
def finish_into_closed_window(network):
    network.start(delay=1)
    network.serve(PORT, "held finish=peer send=10")
    sock = kernel_connects(PORT)
    flow = network.opened()
    exchange = Exchange(sock, 65_535, 1)  # what the first window takes, then the end
    time.sleep(1)
    network.ask(f"go {flow}")
    exchange.finish()
    same(exchange, network.end(flow), 10)


@case("the stack's end arrives while the kernel's window is closed", short=True)
def finish_into_closed_kernel_window(network):
    network.start(delay=1)
    network.serve(PORT, "send=20000")
    sock = kernel_connects(PORT, rcvbuf=4_096)
    flow = network.opened()
    time.sleep(1.5)
    count, sha = receive(sock, piece=500)
    sock.close()
    account = network.end(flow)
    expect((count, sha) == (20_000, account["out_sha"]), f"{count} of 20000 bytes")


@case("both applications stop reading for a while, both windows closed", short=True)
def both_closed(network):
    network.start(delay=1, loss=0.5)
    network.serve(PORT, "held send=600000")
    sock = kernel_connects(PORT, rcvbuf=16_384)
    flow = network.opened()
    exchange = Exchange(sock, 600_000, 1)
    time.sleep(2)
    network.ask(f"go {flow}")
    exchange.finish()
    same(exchange, network.end(flow), 600_000)


@case("urgent data is ordinary data", short=True)
def urgent(network):
    network.start(delay=1)
    network.serve(PORT, "")
    sock = kernel_connects(PORT)
    flow = network.opened()
    sock.sendall(b"ab")
    sock.send(b"!", 1)  # MSG_OOB
    send(sock, 1_000)
    sock.close()
    expect(network.end(flow)["in"] == "1003", "not every byte arrived")
