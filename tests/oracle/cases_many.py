"""Many connections, one after the other and at once; floods."""
import random
import resource
import selectors
import socket
import struct
import threading
import time

from kernel_side import (KERNEL, STACK, Wire, expect, kernel_connects, kernel_listens, receive, tcp_packet, until)
from table import add, case

PORT = 7000
MEMORY_MAX = 64 << 20  # of the process


def one_after_the_other(network, count, workers=8):
    """Half of them ended by the kernel first, half by the stack first."""
    network.start(trace=False)
    network.serve(PORT, "echo")
    network.serve(PORT + 1, "send=100")
    problems = []

    def work(first):
        try:
            for number in range(first, count, workers):
                sock = kernel_connects(PORT + number // workers % 2)
                if number // workers % 2 == 0:
                    request = b"%d " % number * 10
                    sock.sendall(request)
                    sock.shutdown(socket.SHUT_WR)
                    got = b""
                    while piece := sock.recv(1000):
                        got += piece
                    expect(got == request, f"connection {number} got another answer")
                else:
                    expect(receive(sock)[0] == 100, f"connection {number} did not get everything")
                sock.close()
        except BaseException as problem:
            problems.append(f"{problem!r}")

    threads = [threading.Thread(target=work, args=(first,), daemon=True) for first in range(workers)]
    began = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    took = time.monotonic() - began
    expect(not problems, problems[:3])
    until("the stack has forgotten all flows", lambda: network.statistics()["flows"] == 0)
    expect(network.resident_bytes() < MEMORY_MAX or network.sanitized(), f"the process has {network.resident_bytes() >> 20} MiB")
    return f"{count / took:.0f} connections/s"


add("1,000 short connections one after the other", lambda n: one_after_the_other(n, 1_000), short=True)
add("10,000 short connections one after the other", lambda n: one_after_the_other(n, 10_000), hang_limit=300)


def files(count):
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(count, 4_096), max(count, 4_096)))


def at_once(network, count, size, role="passive"):
    files(3 * count)
    network.start(delay=2, trace=False)
    selector = selectors.DefaultSelector()
    if role == "passive":
        network.serve(PORT, f"send={size} finish=peer")
        socks = [kernel_connects(PORT, wait=False) for _ in range(count)]
    else:
        listener = kernel_listens(PORT)
        for _ in range(count):
            network.connect(PORT, f"send={size} finish=peer")
        socks = [listener.accept()[0] for _ in range(count)]
        for sock in socks:
            sock.setblocking(False)
    until(f"all {count} are connected", lambda: len([l for l in list(network.lines) if l.startswith("connected ")]) == count)
    received = dict.fromkeys(socks, 0)
    for sock in socks:
        sock.sendall(b"request")
        sock.shutdown(socket.SHUT_WR)
        selector.register(sock, selectors.EVENT_READ)
    left = count
    while left:
        ready = selector.select(30)
        expect(ready, f"{left} of {count} connections do not end")
        for key, _ in ready:
            piece = key.fileobj.recv(65_536)
            received[key.fileobj] += len(piece)
            if not piece:
                selector.unregister(key.fileobj)
                key.fileobj.close()
                left -= 1
    wrong = [n for n in received.values() if n != size]
    expect(not wrong, f"{len(wrong)} connections got other than {size} bytes: {wrong[:5]}")
    until("the stack has forgotten all flows", lambda: network.statistics()["flows"] == 0)
    bad = [line for line in network.lines if line.startswith("end ") and " finished in=7 " not in line]
    expect(not bad, f"{len(bad)} ended otherwise: {bad[:2]}")
    return f"{network.resident_bytes() >> 20} MiB resident afterwards"


add("200 connections at once, all connected before any talks, stack passive", lambda n: at_once(n, 200, 20_000), short=True)
add("200 connections at once, all connected before any talks, stack active", lambda n: at_once(n, 200, 20_000, "active"), short=True)
add("2,000 connections at once, all connected before any talks, stack passive", lambda n: at_once(n, 2_000, 20_000), hang_limit=300)
add("2,000 connections at once, all connected before any talks, stack active", lambda n: at_once(n, 2_000, 20_000, "active"),
    hang_limit=300)


def flood(network, script, count):
    """SYNs from made-up sources, nobody behind them."""
    network.start(trace=False)
    network.serve(PORT, script)
    network.serve(PORT + 1, "echo")
    wire = Wire()
    wire.seen.close()
    source = random.Random(1)
    options = b"\2\4\4\xd8\4\2\x08\x0a" + struct.pack("!II", 1, 0) + b"\1\3\3\7"
    pieces = [tcp_packet(source.randrange(1024, 65_536), PORT, source.getrandbits(32), 0, 2, options,
                         source=f"10.{source.randrange(16, 32)}.{source.randrange(256)}.{source.randrange(1, 255)}")
              for _ in range(20_000)]
    most, resident = 0, 0
    for number in range(count):
        try:
            wire.send(pieces[number % len(pieces)])
        except OSError:
            time.sleep(0.001)  # the device's queue is full
        if number % 5_000 == 0:
            seen = network.statistics()
            most, resident = max(most, seen["memory"]), max(resident, network.resident_bytes())
            network.lines[:] = []
    seen = network.statistics()
    expect(most <= 32 << 20, f"the stack buffers {most} bytes")
    expect(resident < MEMORY_MAX or network.sanitized(), f"the process has {resident >> 20} MiB")
    expect(seen["flows"] <= 4_096, f"{seen['flows']} flows")
    return seen, most, resident


def flood_waiting(network, count):
    seen, most, resident = flood(network, "answer=wait", count)
    expect(seen["flows"] <= 320, f"{seen['flows']} SYNs wait")
    return f"{seen['pending_full']} SYNs dropped, at most {most >> 10} KiB buffered, {resident >> 20} MiB resident"


def flood_accepted(network, count):
    """The worst owner: it accepts everything at once. The half-open ones go by themselves and the host is itself again."""
    seen, most, resident = flood(network, "finish=never", count)
    until("half-open connections have gone and a real one is served", lambda: connects_now(), 90, 1)
    return f"at most {most >> 10} KiB buffered, {resident >> 20} MiB resident"


def connects_now():
    try:
        kernel_connects(PORT + 1, patience=3).close()
        return True
    except OSError:
        return False


add("a flood of 20,000 SYNs that nobody answers leaves memory bounded", lambda n: flood_waiting(n, 20_000), short=True)
add("a flood of 200,000 SYNs that nobody answers leaves memory bounded", lambda n: flood_waiting(n, 200_000), hang_limit=300)
add("a flood of 100,000 SYNs that are all accepted leaves memory bounded, and passes", lambda n: flood_accepted(n, 100_000),
    hang_limit=300)


@case("a flood of segments that belong to nothing is answered within the limit, and a connection lives through it", short=True)
def strays(network):
    network.start(trace=False)
    network.serve(PORT, "echo")
    wire = Wire()
    wire.seen.close()
    sock = kernel_connects(PORT)
    pieces = [tcp_packet(1024 + n, 9, n * 7919, 1, 0x10) for n in range(2_000)]
    for number in range(20_000):
        try:
            wire.send(pieces[number % len(pieces)])
        except OSError:
            time.sleep(0.001)
    sock.sendall(b"still here")
    expect(sock.recv(100) == b"still here", "no echo")
    sock.close()
    network.end(1)
    seen = network.statistics()
    expect(seen["answers_limited"] > 0, "no answer was held back")
