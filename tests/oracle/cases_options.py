"""The kernel with options off, on, or asked for in vain; segment and packet sizes; PAWS; keepalive."""
import socket
import struct
import time

from kernel_side import Failure, Skipped, Wire, both_ways, expect, kernel_connects, reach, tcp_packet, until
from table import add, case

SIZE = 300_000
SETTINGS = {
    "timestamps off": {"ipv4__tcp_timestamps": 0},
    "timestamps without an offset": {"ipv4__tcp_timestamps": 2},
    "SACK off": {"ipv4__tcp_sack": 0},
    "D-SACK off": {"ipv4__tcp_dsack": 0},
    "window scaling off": {"ipv4__tcp_window_scaling": 0},
    "timestamps, SACK and window scaling off": {"ipv4__tcp_timestamps": 0, "ipv4__tcp_sack": 0, "ipv4__tcp_window_scaling": 0},
    "timestamps and SACK off": {"ipv4__tcp_timestamps": 0, "ipv4__tcp_sack": 0},
    "ECN requested": {"ipv4__tcp_ecn": 1},
    "accurate ECN requested": {"ipv4__tcp_ecn": 3},
    "Fast Open requested": {"ipv4__tcp_fastopen": 3},
    "RACK and tail loss probes off": {"ipv4__tcp_recovery": 0, "ipv4__tcp_early_retrans": 0},
    "MTU probing always on": {"ipv4__tcp_mtu_probing": 2},
    "large default windows": {"ipv4__tcp_rmem": "4096 4194304 16777216", "ipv4__tcp_wmem": "4096 4194304 16777216"},
    "windows not moderated": {"ipv4__tcp_moderate_rcvbuf": 0},
    "windows bounded to 8 KiB": {"ipv4__tcp_rmem": "4096 8192 8192", "ipv4__tcp_wmem": "4096 8192 8192"},
    "windows that may shrink": {"ipv4__tcp_shrink_window": 1},
}


def with_settings(network, settings, role):
    for name, value in settings.items():
        try:
            network.sysctl(**{name: value})
        except OSError as problem:
            raise Skipped(f"this kernel has no {name}={value} ({problem.strerror})")
    network.start(loss=1, delay=4, reorder=1)
    both_ways(network, role, SIZE)


for name, settings in SETTINGS.items():
    for role in ("passive", "active"):
        add(f"byte-exact with 1 % loss, the kernel with {name}, stack {role}",
            lambda network, s=settings, r=role: with_settings(network, s, r), short=True)


def with_sizes(network, mss, stack_mtu, kernel_mtu, role, version):
    network.start(mtu=stack_mtu, kernel_mtu=kernel_mtu, loss=1, delay=2)
    both_ways(network, role, min(SIZE, (mss or 1_000) * 300), version, mss=mss)


for mss, stack_mtu, kernel_mtu, version in ((88, 1280, 1280, 4), (100, 1280, 1280, 4), (536, 1280, 1280, 4), (537, 1280, 1280, 6),
                                            (1000, 1280, 1500, 4), (None, 1280, 576, 4), (None, 1280, 1500, 6), (None, 1500, 1280, 4),
                                            (None, 1500, 1500, 6), (None, 9000, 9000, 4), (None, 1280, 65_000, 4),
                                            (None, 9000, 1280, 6)):
    for role in ("passive", "active"):
        add(f"byte-exact with 1 % loss, MSS {mss or 'by itself'}, stack's MTU {stack_mtu}, kernel's {kernel_mtu}, stack {role}, "
            f"IPv{version}", lambda network, m=mss, s=stack_mtu, k=kernel_mtu, r=role, v=version: with_sizes(network, m, s, k, r, v),
            short=kernel_mtu in (576, 9000) or mss == 88)


@case("a client of Multipath TCP falls back to TCP", short=True)
def multipath(network):
    network.start(loss=1, delay=2)
    network.serve(7000, "echo")
    try:
        sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM, 262)
    except OSError:
        raise Skipped("this kernel has no Multipath TCP")
    sock.settimeout(60)
    sock.connect(("10.9.0.2", 7000))
    sock.sendall(b"x" * 10_000)
    sock.shutdown(socket.SHUT_WR)
    count = 0
    while piece := sock.recv(65536):
        count += len(piece)
    expect(count == 10_000, f"{count} bytes came back")
    network.end(1)


@case("data in the kernel's SYN (Fast Open without a cookie) arrives once, with the handshake", short=True)
def data_in_syn(network):
    network.sysctl(ipv4__tcp_fastopen=0x205)  # client, server, and data in the SYN without a cookie
    network.start()
    network.serve(7000, "echo")
    sock = socket.socket()
    sock.settimeout(60)
    sock.sendto(b"early bytes", socket.MSG_FASTOPEN, ("10.9.0.2", 7000))
    reach(sock, "ESTABLISHED")
    sock.shutdown(socket.SHUT_WR)
    got = b""
    while piece := sock.recv(100):
        got += piece
    expect(got == b"early bytes", f"came back: {got!r}")
    network.end(1)


def timestamps_of(packet):
    """Of a TCP segment over IPv4: value and echo."""
    offset, end = 40, 20 + (packet[32] >> 4) * 4
    while offset < end and packet[offset] != 0:
        if packet[offset] == 1:
            offset += 1
        elif packet[offset] == 8:
            return struct.unpack("!II", packet[offset + 2:offset + 10])
        else:
            offset += packet[offset + 1]
    raise Failure("no timestamps")


def inject(network, age):
    """A connection into whose window a segment is put whose timestamp is AGE older than the connection's last."""
    network.start()
    network.serve(7000, "finish=never")
    wire = Wire()
    sock = kernel_connects(7000)
    flow = network.opened()
    sock.sendall(b"honest")
    segment = wire.next(lambda p: p[9] == 6 and p[16:20] == socket.inet_aton("10.9.0.2") and p.endswith(b"honest"))
    source, destination, sequence, acknowledgment = struct.unpack("!HHII", segment[20:32])
    value, echo = timestamps_of(segment)
    time.sleep(0.1)
    options = b"\1\1\x08\x0a" + struct.pack("!II", (value - age) & 0xFFFFFFFF, echo)
    wire.send(tcp_packet(source, destination, sequence + 6, acknowledgment, 0x18, options, b"forged"))
    time.sleep(0.3)
    network.tell(f"abort {flow}")
    return network.end(flow, "broken_off")["in"]


@case("PAWS: a segment in the window with an old timestamp is not taken", short=True)
def paws(network):
    expect(inject(network, 5_000) == "6", "the old segment was taken")


@case("a segment in the window with a timestamp of now is taken (so the case above can fail)", short=True)
def no_paws(network):
    expect(inject(network, 0) == "12", "the segment was not taken: the case of old timestamps shows nothing")


@case("the kernel's keepalive probes are answered, and the connection lives on", short=True)
def keepalive(network):
    network.start(delay=1)
    network.serve(7000, "echo")
    sock = kernel_connects(7000)
    flow = network.opened()
    sock.sendall(b"before")
    expect(sock.recv(100) == b"before", "no echo")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in ((socket.TCP_KEEPIDLE, 1), (socket.TCP_KEEPINTVL, 1), (socket.TCP_KEEPCNT, 2)):
        sock.setsockopt(socket.IPPROTO_TCP, option, value)
    before = network.statistics()["packets_in"]
    time.sleep(4.5)
    expect(network.statistics()["packets_in"] >= before + 2, "the kernel did not probe")
    sock.sendall(b"after")
    expect(sock.recv(100) == b"after", "no echo after the probes")
    sock.close()
    network.end(flow)


@case("the kernel's keepalive gives up when the stack is cut off, and its end is not missed", short=True)
def keepalive_cut(network):
    network.start(delay=1)
    network.serve(7000, "echo")
    sock = kernel_connects(7000)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in ((socket.TCP_KEEPIDLE, 1), (socket.TCP_KEEPINTVL, 1), (socket.TCP_KEEPCNT, 2)):
        sock.setsockopt(socket.IPPROTO_TCP, option, value)
    flow = network.opened()
    network.line(f"connected {flow}")
    network.link("to_stack", loss=100)
    try:
        sock.recv(10)
        raise Failure("the kernel heard something")
    except OSError:
        network.link("to_stack", loss=0)
    until("the kernel's next word ends the flow", lambda: network.statistics()["flows"] <= 1)
    network.ask(f"abort {flow}")
