"""Byte-exact in both directions over every path, both roles, each of the kernel's congestion controls at once."""
import time

from kernel_side import (KERNEL, PATIENCE, Exchange, congestion_controls, expect, kernel_connects, kernel_listens, receive, same,
                         send)
from table import add, case

LOSSES = [0, 0.1, 1, 3]              # percent
ROUND_TRIPS = [1, 20, 80, 200]       # ms
DISORDERS = {"in order": {}, "reordering": {"reorder": 2}, "duplication": {"duplicate": 2},
             "reordering and duplication": {"reorder": 2, "duplicate": 2}}
CONTROLS = ["cubic", "reno", "bbr"]
PORT = 7000


def size_for(loss, round_trip):
    """About what a path of this kind carries in some seconds (Mathis), so that no case takes minutes."""
    rate = 1240 / (round_trip / 1000) * 1.2 / max(loss / 100, 0.0001) ** 0.5
    return int(min(max(rate * 4, 100_000), 3_000_000))


def transfer(network, role, loss, round_trip, disorder, version):
    size = size_for(loss, round_trip)
    network.start(loss=loss, delay=round_trip / 2, **DISORDERS[disorder])
    exchanges = []
    for number, control in enumerate(c for c in CONTROLS if c in congestion_controls()):
        port = PORT + number
        if role == "passive":
            network.serve(port, f"send={size}")
            sock = kernel_connects(port, version, cc=control)
            flow = network.opened()
        else:
            listener = kernel_listens(port, version, cc=control)
            flow = network.connect(port, f"send={size}", version)
            sock, _ = listener.accept()
            sock.settimeout(PATIENCE)
        exchanges.append((Exchange(sock, size, number), flow))
    for exchange, flow in exchanges:
        exchange.finish()
        same(exchange, network.end(flow), size)


SHORT = {(0, 1, "in order"), (0.1, 20, "reordering"), (1, 1, "reordering and duplication"), (3, 1, "duplication")}
for number, (loss, round_trip, disorder) in enumerate((l, t, d) for l in LOSSES for t in ROUND_TRIPS for d in DISORDERS):
    for role in ("passive", "active"):
        version = 6 if (number + (role == "active")) % 2 else 4
        add(f"byte-exact both ways: {loss} % loss, {round_trip} ms, {disorder}, stack {role}, IPv{version}",
            lambda network, r=role, l=loss, t=round_trip, d=disorder, v=version: transfer(network, r, l, t, d, v),
            short=(loss, round_trip, disorder) in SHORT, hang_limit=300)


def speed(network, control, loss, round_trip, direction):
    """Nothing is demanded of the figure; it is only said."""
    seconds = 5
    network.start(loss=loss, delay=round_trip / 2, trace=False)
    upward = direction == "kernel to stack"
    network.serve(PORT, "" if upward else "send=100000000000")
    sock = kernel_connects(PORT, cc=control)
    flow = network.opened()
    began, count = time.monotonic(), 0
    while time.monotonic() - began < seconds:
        count += sock.send(bytes(1 << 16)) if upward else len(sock.recv(1 << 18))
    took = time.monotonic() - began
    network.ask(f"abort {flow}")
    if upward:  # not what still waits in the kernel
        count = int(network.end(flow, "broken_off")["in"])
    return f"{count / took / 1e6:.2f} MB/s"


for loss, round_trip in ((0, 1), (0, 20), (0.1, 20), (1, 20), (0.1, 80), (1, 80)):
    add(f"speed, informational: {round_trip} ms, {loss} % loss, stack (CUBIC) to kernel",
        lambda network, l=loss, t=round_trip: speed(network, "cubic", l, t, "stack to kernel"), alone=True)
    for control in CONTROLS if (loss, round_trip) == (0.1, 20) else ("cubic",):
        if control in congestion_controls():
            add(f"speed, informational: {round_trip} ms, {loss} % loss, kernel ({control}) to stack",
                lambda network, c=control, l=loss, t=round_trip: speed(network, c, l, t, "kernel to stack"), alone=True)


@case("byte-exact over a line of 2 MB/s with its own queue, both ways at once")
def limited_line(network):
    network.start(delay=10, rate=2_000_000)
    transfer_over(network)


@case("byte-exact through outages of half a second", short=True)
def outages(network):
    network.start(delay=5)
    transfer_over(network, outages=3)


def transfer_over(network, outages=0, size=4_000_000):
    network.serve(PORT, f"send={size}")
    exchange = Exchange(kernel_connects(PORT, cc="cubic"), size, 1)
    flow = network.opened()
    for _ in range(outages):
        network.link("both", loss=100)
        time.sleep(0.5)
        network.link("both", loss=0)
        time.sleep(0.05)
    exchange.finish()
    same(exchange, network.end(flow), size)


@case("an echo of everything, with loss, is what was sent", short=True)
def echo(network):
    network.start(loss=1, delay=2)
    network.serve(PORT, "echo")
    exchange = Exchange(kernel_connects(PORT), 500_000, 1)
    flow = network.opened()
    exchange.finish()
    expect(exchange.received_sha == exchange.sent_sha, "the echo is not what was sent")
    same(exchange, network.end(flow), 500_000)


@case("many small writes and answers on one connection: request and answer, one after the other", short=True)
def ping_pong(network):
    network.start(loss=0.5, delay=0.5)
    network.serve(PORT, "echo")
    sock = kernel_connects(PORT)
    flow = network.opened()
    for number in range(300):
        sha = send(sock, 1 + number % 90, number)
        expect(receive(sock, 1 + number % 90)[1] == sha, f"answer {number} is not the request")
    sock.close()
    network.end(flow)
