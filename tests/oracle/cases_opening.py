"""Opening: simultaneously, slowly, in vain; and what the kernel's application is told when the stack turns it down."""
import errno
import socket
import struct
import time

from kernel_side import (FAMILY, KERNEL, STACK, Exchange, Failure, Wire, expect, ipv4_packet, checksum, kernel_connects,
                         kernel_listens, same)
from table import add, case

PORT = 7000


def simultaneous(network, version, loss=0):
    network.start(delay=1)
    network.link("both", held=1)
    flow = network.connect(PORT, "send=50000", version)
    port = int(network.tell("peek to_kernel").split()[1])
    sock = socket.socket(FAMILY[version])
    sock.settimeout(60)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.bind((KERNEL[version], PORT))
    sock.setblocking(False)
    try:
        sock.connect((STACK[version], port))
    except BlockingIOError:
        pass
    time.sleep(0.1)
    network.link("both", held=0, loss=loss)
    sock.settimeout(60)
    exchange = Exchange_when_connected(sock)
    exchange.finish()
    same(exchange, network.end(flow), 50_000)


def Exchange_when_connected(sock):
    import select
    expect(select.select([], [sock], [], 60)[1], "the kernel's socket did not connect")
    problem = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    expect(problem == 0, f"the kernel's connect: {errno.errorcode.get(problem)}")
    return Exchange(sock, 50_000, 1)


for version in (4, 6):
    add(f"both open at once (the SYNs cross), IPv{version}", lambda network, v=version: simultaneous(network, v), short=True)
add("both open at once with 20 % loss afterwards", lambda network: simultaneous(network, 4, 20), short=False)


@case("both open at once and neither sends anything: both are connected", short=True)
def simultaneous_silent(network):
    network.start(delay=1)
    network.link("both", held=1)
    flow = network.connect(PORT, "finish=never")
    port = int(network.tell("peek to_kernel").split()[1])
    sock = kernel_connects(port, source_port=PORT, wait=False)
    time.sleep(0.1)
    network.link("both", held=0)
    network.line(f"connected {flow}", 10)
    sock.close()
    network.line(f"peer_finished {flow}", 10)


@case("an answer that takes 1.5 s: the kernel's repeated SYNs are one connection", short=True)
def slow_answer(network):
    network.start(delay=1)
    network.serve(PORT, "echo wait=1500")
    sock = kernel_connects(PORT)
    sock.sendall(b"hello")
    expect(sock.recv(10) == b"hello", "no echo")
    sock.close()
    network.end(1)
    expect(network.statistics()["syn_repeated"] >= 1, "the kernel did not repeat its SYN")


@case("the stack's first SYN is lost: it comes again and connects", short=True)
def first_syn_lost(network):
    network.start(delay=1)
    listener = kernel_listens(PORT)
    network.link("to_kernel", loss=100)
    flow = network.connect(PORT, "send=10")
    network.link("to_kernel", loss=0)
    sock, _ = listener.accept()
    expect(sock.recv(100) != b"", "nothing came")
    sock.close()
    network.end(flow)


@case("the stack's SYN-ACK is lost: the kernel's repeated SYN is answered", short=True)
def syn_ack_lost(network):
    network.start(delay=1)
    network.serve(PORT, "answer=wait echo")
    sock = kernel_connects(PORT, wait=False)
    flow = network.opened()
    network.link("to_kernel", loss=100)
    network.ask(f"accept {flow}")
    network.link("to_kernel", loss=0)
    network.line(f"connected {flow}")
    sock.close()
    network.end(flow)


@case("the kernel's SYN-ACK is lost: the stack connects all the same", short=True)
def kernel_syn_ack_lost(network):
    network.start(delay=1)
    listener = kernel_listens(PORT)
    network.link("to_stack", loss=100)
    flow = network.connect(PORT, "send=10")
    time.sleep(0.2)
    network.link("to_stack", loss=0)
    sock, _ = listener.accept()
    sock.settimeout(60)
    expect(len(sock.recv(100)) == 10, "nothing came")
    sock.close()
    network.end(flow)


@case("a kernel whose accept queue is full: the stack's opens wait and all come through")
def accept_queue_full(network):
    network.start(delay=1)
    listener = socket.socket()
    listener.bind((KERNEL[4], PORT))
    listener.listen(1)
    listener.settimeout(60)
    flows = [network.connect(PORT, "send=100") for _ in range(6)]
    time.sleep(2)
    for _ in flows:
        sock, _ = listener.accept()
        sock.settimeout(60)
        got = b""
        while piece := sock.recv(1000):
            got += piece
        expect(len(got) == 100, f"{len(got)} bytes of 100")
        sock.close()
    for flow in flows:
        network.end(flow)


TURNED_DOWN = {("reset", 4): errno.ECONNREFUSED, ("reset", 6): errno.ECONNREFUSED,
               ("port", 4): errno.ECONNREFUSED, ("port", 6): errno.ECONNREFUSED,
               ("host", 4): errno.EHOSTUNREACH, ("host", 6): errno.EHOSTUNREACH,
               ("prohibited", 4): errno.EHOSTUNREACH, ("prohibited", 6): errno.EACCES}


def turned_down(network, word, version, expected):
    network.start(delay=1)
    network.serve(PORT, f"answer={word}")
    try:
        kernel_connects(PORT, version)
        raise Failure("it connected")
    except OSError as problem:
        expect(problem.errno == expected, f"the kernel's application was told {problem!r}")


for (word, version), expected in TURNED_DOWN.items():
    add(f"turned down with {word}, IPv{version}: the kernel's application is told {errno.errorcode[expected]}",
        lambda network, w=word, v=version, e=expected: turned_down(network, w, v, e), short=True)


@case("a port without a service: the kernel's application is refused", short=True)
def no_service(network):
    network.start(delay=1)
    turned = 0
    for version in (4, 6):
        try:
            kernel_connects(81, version)
        except ConnectionRefusedError:
            turned += 1
    expect(turned == 2, "it was not refused")


@case("the kernel complains (ICMP host unreachable) about the stack's SYN: the open ends", short=True)
def unreachable_in_syn_sent(network):
    network.start(delay=1)
    wire = Wire()
    network.ip("route add blackhole 10.88.0.0/16")  # nothing answers by itself
    flow = network.connect(PORT, "", address="10.88.0.1")
    syn = wire.next(lambda p: p[9] == 6 and p[16:20] == socket.inet_aton("10.88.0.1"))
    wire.send(icmp_error(3, 1, 0, syn, source="10.88.0.1"))
    network.end(flow, "unreachable", 10)


@case("ICMP host unreachable about an established connection is a soft error: it goes on", short=True)
def unreachable_is_soft(network):
    network.start(delay=1)
    network.serve(PORT, "send=100000 finish=peer")
    wire = Wire()
    sock = kernel_connects(PORT)
    flow = network.opened()
    data = wire.next(lambda p: p[9] == 6 and p[12:16] == socket.inet_aton("10.9.0.2") and len(p) > 500)
    for code in (0, 1, 2, 3, 13):
        wire.send(icmp_error(3, code, 0, data))
    exchange = Exchange(sock, 100_000, 1)
    exchange.finish()
    same(exchange, network.end(flow), 100_000)


def icmp_error(kind, code, extra, about, source=KERNEL[4]):
    body = struct.pack("!BBHI", kind, code, 0, extra) + about[:28]
    body = body[:2] + struct.pack("!H", checksum(body)) + body[4:]
    return ipv4_packet(1, body, source)
