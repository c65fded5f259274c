"""UDP either way, replies over the MTU as fragments, errors either way; pings."""
import hashlib
import os
import socket

from kernel_side import FAMILY, KERNEL, STACK, Failure, expect, prepare, until
from table import add, case

PORT = 161


def client(version, connect=True):
    sock = socket.socket(FAMILY[version], socket.SOCK_DGRAM)
    sock.settimeout(10)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 21)
    if connect:
        sock.connect((STACK[version], PORT))
    return sock


def echo(network, version):
    network.start(delay=1)
    network.serve(PORT, "echo", "udp")
    sock = client(version)
    for size in (1, 2, 63, 512, 1_231, 1_232) + ((1_251, 1_252) if version == 4 else ()):
        data = os.urandom(size)
        sock.send(data)
        expect(sock.recv(65_535) == data, f"another {size} bytes came back")
    sock.send(b"")
    expect(sock.recv(65_535) == b"", "an empty datagram did not come back")


for version in (4, 6):
    add(f"UDP echo of every size up to the MTU, IPv{version}", lambda network, v=version: echo(network, v), short=True)


@case("UDP replies over the MTU leave as IPv4 fragments that the kernel puts together", short=True)
def fragments(network):
    network.start(delay=1)
    sock = client(4)
    for size in (1_253, 1_254, 1_480, 2_504, 2_505, 5_000, 9_000, 32_768, 65_000, 65_507):
        network.serve(PORT, f"reply={size}", "udp")
        sock.close()
        sock = client(4)  # a flow of its own, with the new script
        data = os.urandom(20)
        sock.send(data)
        try:
            got = sock.recv(65_535)
        except TimeoutError:
            raise Failure(f"no reply of {size} bytes")
        expect(len(got) == size and got.startswith(data), f"{len(got)} bytes of {size}, or another reply")


@case("fragments that overtake each other and come twice are put together", short=True)
def fragments_disordered(network):
    network.start(delay=1, reorder=40, duplicate=40)
    network.serve(PORT, "reply=20000", "udp")
    sock = client(4)
    whole = 0
    for _ in range(20):
        sock.send(os.urandom(30))
        whole += len(sock.recv(65_535)) == 20_000
    expect(whole == 20, f"{whole} of 20 replies")


@case("a UDP reply over the MTU over IPv6 is refused to the application, not sent in part", short=True)
def no_fragments_over_ipv6(network):
    network.start(delay=1)
    network.serve(PORT, "reply=1233", "udp")
    sock = client(6)
    sock.send(b"x")
    network.line("datagram_refused 1")
    network.serve(PORT, "reply=1232", "udp")
    sock = client(6)
    sock.send(b"x")
    expect(len(sock.recv(65_535)) == 1_232, "the longest reply did not come")


def refused_by_stack(network, version, script):
    network.start(delay=1)
    if script:
        network.serve(PORT, script, "udp")
    sock = client(version)
    sock.send(b"anyone?")
    try:
        sock.recv(100)
        raise Failure("an answer came")
    except ConnectionRefusedError:
        pass


for version in (4, 6):
    add(f"a UDP port without a service is unreachable: the kernel's application is told, IPv{version}",
        lambda network, v=version: refused_by_stack(network, v, ""), short=True)
    add(f"a service that the device refuses is unreachable: the kernel's application is told, IPv{version}",
        lambda network, v=version: refused_by_stack(network, v, "answer=port"), short=True)


def refused_by_kernel(network, version):
    network.start(delay=1)
    host = KERNEL[4] if version == 4 else f"[{KERNEL[6]}]"
    flow = network.tell(f"datagrams {host}:{PORT}").split()[1]
    expect(network.tell(f"say {flow} 100").startswith("said"), "not said")
    network.end(flow, "port_unreachable")


def asked_by_stack(network, version):
    network.start(delay=1)
    sock = prepare(socket.socket(FAMILY[version], socket.SOCK_DGRAM))
    sock.bind((KERNEL[version], PORT))
    host = KERNEL[4] if version == 4 else f"[{KERNEL[6]}]"
    flow = network.tell(f"datagrams {host}:{PORT}").split()[1]
    for size in (0, 1, 1_000, 1_232) + ((1_252, 1_253, 9_000, 65_507) if version == 4 else ()):
        sha = network.tell(f"say {flow} {size}").split()[1]
        data, source = sock.recvfrom(65_535)
        expect(hashlib.sha256(data).hexdigest() == sha, f"another {size} bytes arrived")
        sock.sendto(data[:1_232], source)
        expect(network.line(rf"datagram {flow} (\d+) (\w+)")[2] == hashlib.sha256(data[:1_232]).hexdigest(), "another reply arrived")


for version in (4, 6):
    add(f"the stack asks a closed UDP port of the kernel: its application is told, IPv{version}",
        lambda network, v=version: refused_by_kernel(network, v), short=True)
    add(f"the stack asks the kernel over UDP and is answered, IPv{version}",
        lambda network, v=version: asked_by_stack(network, v), short=True)


def fragments_in(network, version):
    network.start(delay=1, reorder=40)
    network.serve(PORT, "echo" if version == 4 else "reply=1000", "udp")
    sock = client(version)
    for size in (10, 1_233, 1_253, 5_000, 32_768, 65_507 if version == 4 else 65_400):
        data = os.urandom(size)
        sock.send(data)
        got = sock.recv(65_535)
        expect(got == data if version == 4 else len(got) == 1_000, f"no echo of {size} bytes")
    expect(network.statistics()["reassembled"] >= 4, "nothing came in fragments")


for version in (4, 6):
    add(f"datagrams that the kernel sends in fragments arrive whole, IPv{version}", lambda network, v=version: fragments_in(network, v),
        short=True)


@case("two thousand UDP flows at once, each with its own answer")
def many_flows(network):
    network.start(delay=1)
    network.serve(PORT, "echo", "udp")
    socks = [client(4) for _ in range(900)]
    for number, sock in enumerate(socks):
        sock.send(b"%d" % number)
        if number % 100 == 99:
            until("the stack has heard them", lambda: network.statistics()["flows"] > number - 100)
    for number, sock in enumerate(socks):
        expect(sock.recv(100) == b"%d" % number, f"flow {number} got another's answer")


def ping(network, version):
    network.start(delay=1)
    protocol, kind = (socket.IPPROTO_ICMP, 8) if version == 4 else (58, 128)
    network.sysctl(ipv4__ping_group_range="0 0")
    sock = socket.socket(FAMILY[version], socket.SOCK_DGRAM, protocol)
    sock.settimeout(10)
    sock.connect((STACK[version], 0))
    for size in (0, 1, 7, 56, 57, 1_000, 1_231, 1_232) + ((1_251, 1_252, 1_253, 8_000, 60_000) if version == 4 else ()):
        data = os.urandom(size)
        sock.send(bytes([kind, 0, 0, 0, 0, 0, 0, size % 256]) + data)
        got = sock.recv(65_535)
        expect(got[8:] == data and got[7] == size % 256, f"the ping with {size} bytes came back otherwise")


for version in (4, 6):
    add(f"pings of every size, over IPv6 up to the MTU, come back as they were, IPv{version}", lambda network, v=version: ping(network, v),
        short=True)
