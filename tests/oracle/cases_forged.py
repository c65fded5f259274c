"""Segments that no honest kernel sends, put between those that it does; and sequence numbers at their end."""
import socket
import struct
import time

from kernel_side import KERNEL, STACK, Exchange, Wire, expect, kernel_connects, prepare, same, tcp_packet
from table import add, case

PORT = 7000
TCP_REPAIR, TCP_REPAIR_QUEUE, TCP_QUEUE_SEQ, TCP_SEND_QUEUE = 19, 20, 21, 2
FIN, SYN, RST, PSH, ACK = 1, 2, 4, 8, 16


def conversation(network, script="echo"):
    """A connection after a first word, without timestamps, and the numbers of the kernel's next segment."""
    network.sysctl(ipv4__tcp_timestamps=0)
    network.start()
    network.serve(PORT, script)
    wire = Wire()
    sock = kernel_connects(PORT)
    flow = network.opened()
    sock.sendall(b"first")
    packet = wire.next(lambda p: p[9] == 6 and p[16:20] == socket.inet_aton(STACK[4]) and p.endswith(b"first"))
    source, _, sequence, _ = struct.unpack("!HHII", packet[20:32])
    expect(sock.recv(100) == b"first", "no echo")
    time.sleep(0.1)
    acknowledgment = struct.unpack("!I", packet[28:32])[0] + 5
    return wire, sock, flow, source, sequence + 5, acknowledgment


def lives_on(network, flags, sequence_off, acknowledgment_off=0, payload=b""):
    wire, sock, flow, source, sequence, acknowledgment = conversation(network)
    for _ in range(20):
        wire.send(tcp_packet(source, PORT, sequence + sequence_off, acknowledgment + acknowledgment_off, flags, payload=payload))
    time.sleep(0.1)
    sock.sendall(b"second")
    expect(sock.recv(100) == b"second", "the connection no longer echoes")
    sock.close()
    account = network.end(flow)
    expect(account["in"] == "11", f"the stack read {account['in']} bytes instead of 11")


for name, flags, sequence_off, acknowledgment_off, payload in (
        ("a RST in the window, not at its edge", RST, 1_000, 0, b""), ("a RST before the window", RST, -1, 0, b""),
        ("a RST beyond the window", RST | ACK, 1 << 25, 0, b""), ("a SYN at the edge", SYN, 0, 0, b""),
        ("a SYN in the window", SYN, 500, 0, b""), ("a SYN-ACK", SYN | ACK, 0, 0, b""),
        ("data that acknowledges what was never sent", ACK | PSH, 0, 100_000, b"forged"),
        ("data that acknowledges far too old", ACK | PSH, 0, -(1 << 30), b"forged"),
        ("data beyond the window", ACK | PSH, 1 << 25, 0, b"forged"), ("data without ACK", PSH, 0, 0, b"forged"),
        ("a FIN beyond the window", FIN | ACK, 1 << 25, 0, b""), ("a segment with no flag at all", 0, 0, 0, b"forged")):
    add(f"{name} changes nothing", lambda network, a=(flags, sequence_off, acknowledgment_off, payload): lives_on(network, *a),
        short=True)


@case("a RST at the edge ends the connection (so the cases above can fail)", short=True)
def exact_reset(network):
    wire, _, flow, source, sequence, acknowledgment = conversation(network)
    wire.send(tcp_packet(source, PORT, sequence, acknowledgment, RST))
    network.end(flow, "reset_by_peer")


@case("a RST does not cut TIME-WAIT short (RFC 1337)", short=True)
def reset_in_time_wait(network):
    wire, sock, flow, source, sequence, acknowledgment = conversation(network, "echo finish=never")
    network.ask(f"finish {flow}")
    expect(sock.recv(10) == b"", "the stack's end did not come")
    sock.close()
    network.end(flow)
    wire.send(tcp_packet(source, PORT, sequence + 1, acknowledgment + 1, RST))
    time.sleep(0.1)
    # In TIME-WAIT the kernel's FIN is answered again; without it a stray would be reset.
    before = network.statistics()["stray_segments"]
    wire.send(tcp_packet(source, PORT, sequence, acknowledgment + 1, FIN | ACK))
    wire.next(lambda p: p[9] == 6 and p[12:16] == socket.inet_aton(STACK[4]) and p[33] == ACK
              and struct.unpack("!I", p[28:32])[0] == (sequence + 1) & 0xFFFFFFFF)
    expect(network.statistics()["stray_segments"] == before, "TIME-WAIT is gone")


def wrapping(network, before_the_end):
    """TCP_REPAIR lets the kernel's socket choose its first sequence number."""
    network.start(loss=1, delay=1)
    network.serve(PORT, "send=100000")
    sock = prepare(socket.socket())
    sock.setsockopt(socket.IPPROTO_TCP, TCP_REPAIR, 1)
    sock.setsockopt(socket.IPPROTO_TCP, TCP_REPAIR_QUEUE, TCP_SEND_QUEUE)
    sock.setsockopt(socket.IPPROTO_TCP, TCP_QUEUE_SEQ, struct.pack("I", (1 << 32) - before_the_end))
    sock.setsockopt(socket.IPPROTO_TCP, TCP_REPAIR, 0)
    wire = Wire()
    sock.connect((STACK[4], PORT))
    syn = wire.next(lambda p: p[9] == 6 and p[33] & SYN and p[12:16] == socket.inet_aton(KERNEL[4]))
    expect(struct.unpack("!I", syn[24:28])[0] == (1 << 32) - before_the_end, "the kernel chose another first number")
    flow = network.opened()
    exchange = Exchange(sock, 100_000, 1)
    exchange.finish()
    same(exchange, network.end(flow), 100_000)


for before_the_end, where in ((1, "at the SYN"), (2, "at the first byte"), (50_000, "in the middle"), (100_001, "at the FIN"),
                              (100_002, "after the FIN")):
    add(f"the kernel's sequence numbers wrap {where}", lambda network, n=before_the_end: wrapping(network, n), short=True)
