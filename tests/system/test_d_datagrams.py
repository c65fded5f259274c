"""Where a genuine tunnel in the hands of an attacker (taken_over.py) can send datagrams: only where the gate has connected it a socket."""
import errno
import os
import socket
import struct
import subprocess
import time

import test_1_first_page as first
from seat_frames import captured, frames
from site_lab import AGENT, until
from taken_over import INJECT, TakenOver, socket_address
from world import expect, long_test, test

PAIR = 3
DATAGRAM = b"from a tunnel that was taken over"
PORT = 2109  # nobody's; what goes there is ours
# Of the site, of the agent's host itself, and to many at once.
OF_THE_SITE = ["192.168.77.50", "192.168.77.21", "192.168.77.1", "192.168.77.255", "255.255.255.255", "224.0.0.251", "239.255.255.250",
               "127.0.0.1", "127.0.0.53", "192.168.77.10", "10.0.0.1", "100.64.0.1", "169.254.169.254", "0.0.0.0", "::1", "fe80::1", "ff02::fb",
               "fd00::1", "64:ff9b::c0a8:4d32"]
IN_DISGUISE = "::ffff:192.168.77.50"  # which the messages of the pair do not know at all


def can_take_over():
    if not os.path.exists(INJECT):
        print("     SKIPPED: quoin-inject is built for x86_64 only", flush=True)
    return os.path.exists(INJECT)


def fresh_tunnel(world):
    """The pid of the tunnel of a device that has just been opened."""
    world.agent.close()
    world.agent.open("mfp")
    return world.agent.children()[0]


class Sockets:
    """The sockets that a child holds, as the kernel describes them to itself."""

    def __init__(self, child):
        self.child = child
        self.space = child.space(64)

    def option(self, number, name):
        self.child.write(self.space, struct.pack("=iI", 0, 4))
        result = self.child.call("getsockopt", number, socket.SOL_SOCKET, name, self.space, self.space + 4)
        return struct.unpack("=i", self.child.read(self.space, 4))[0] if result == 0 else None

    def is_connected(self, number):
        self.child.write(self.space, struct.pack("=I", 28))
        return self.child.call("getpeername", number, self.space + 8, self.space) == 0

    def udp(self, connected):
        internet = (socket.AF_INET, socket.AF_INET6)
        return [n for n, what in self.child.descriptors().items() if what.startswith("socket:") and
                self.option(n, socket.SO_TYPE) == socket.SOCK_DGRAM and self.option(n, socket.SO_DOMAIN) in internet and
                self.is_connected(n) == connected]

    def every(self):
        return [n for n, what in self.child.descriptors().items() if what.startswith("socket:")]


class Pair:
    """What a tunnel says to its gate (src/pair/messages.h), said by an attacker."""
    WANT_ENDPOINT, UNNEEDED = 0x11, 0x12
    CONNECTED, FAILED = 0x44, 0x45
    NOT_ALLOWED, TOO_MANY = 3, 7

    def __init__(self, child):
        self.child = child
        self.space, self.control = child.space(16 * 1024), child.space(64)
        self.request = 3_000_000_000

    @staticmethod
    def endpoint(address, port):
        raw = socket.inet_pton(socket.AF_INET6 if ":" in address else socket.AF_INET, address)
        return bytes([6 if ":" in address else 4]) + raw + struct.pack("!H", port)

    def send(self, packet):
        expect(self.child.call("sendto", PAIR, packet, len(packet), 0, None, 0) == len(packet), "the gate takes no message")

    def want(self, address, port=PORT):
        """The socket's number, or, as text, why there is none."""
        self.request += 1
        self.send(struct.pack("!BI", self.WANT_ENDPOINT, self.request) + self.endpoint(address, port))
        header = self.child.keep(struct.pack("=QIxxxxQQQQiI", 0, 0, self.child.keep(struct.pack("=QQ", self.space, 16 * 1024)), 1, self.control, 64, 0, 0))
        deadline = time.monotonic() + 5
        while time.monotonic() < deadline:
            self.child.write(header + 40, struct.pack("=Q", 64))
            got = self.child.call("recvmsg", PAIR, header, socket.MSG_DONTWAIT)
            if got == -errno.EAGAIN:
                time.sleep(0.001)
                continue
            packet = self.child.read(self.space, got)
            if len(packet) < 5 or struct.unpack("!I", packet[1:5])[0] != self.request:
                continue
            if packet[0] == self.FAILED:
                return {self.NOT_ALLOWED: "not allowed", self.TOO_MANY: "too many"}.get(packet[5], f"failed: {packet[5]}")
            expect(packet[0] == self.CONNECTED, f"the gate answers with a message of type {packet[0]:#x}")
            return struct.unpack("=i", self.child.read(self.control + 16, 4))[0]
        return "no answer"

    def give_back(self, address, port=PORT):
        self.send(bytes([self.UNNEEDED]) + self.endpoint(address, port))


def send(child, number):
    return child.call("sendto", number, DATAGRAM, len(DATAGRAM), socket.MSG_DONTWAIT, None, 0)


def on_the_wire(lab, capture):
    """The datagrams of ours that the seat has sent, without the one that was sent to see that the capture is not blind."""
    lab.run("agent", "socat", "-u", "-", f"UDP:{lab.address('label')}:{PORT}", input=b"not blind")
    lines = until("the capture is not blind", lambda: frames(capture, f"udp port {PORT} and dst host {lab.address('label')}") and
                  frames(capture, f"udp port {PORT}"), 5)
    return [line for line in lines if lab.address("label") not in line]


@test("a tunnel that was taken over sends no datagram to an address: with what only receives nothing leaves, and to name one kills it")
def no_address(world):
    if not can_take_over():
        return
    pid = fresh_tunnel(world)
    before = world.lab.touched("files")
    with TakenOver(pid) as child:
        receiving = Sockets(child).udp(connected=False)
        expect(len(receiving) == 2, f"it has {receiving} to receive with")
        for number in receiving:
            expect(send(child, number) == -errno.EDESTADDRREQ, "what only receives has sent something")
            expect(child.call("write", number, DATAGRAM, len(DATAGRAM)) == -errno.EDESTADDRREQ, "write has sent something")
        there = socket_address(world.lab.address("files"), PORT)
        how = child.killed_by("sendto", receiving[0], DATAGRAM, len(DATAGRAM), 0, there, len(there))
        expect(how == "SIGSYS", f"it sent a datagram into the customer's network: {how or 'and lived'}")
    expect(world.lab.touched("files") == before, "the file server received something")


@test("a tunnel that was taken over gets no socket for the site's addresses, so many for others, and none sends on once its session is closed")
def endpoints(world):
    if not can_take_over():
        return
    lab = world.lab
    pid = fresh_tunnel(world)
    with TakenOver(pid) as child:
        pair, sockets = Pair(child), Sockets(child)
        for address in OF_THE_SITE:
            answer = pair.want(address)
            expect(answer == "not allowed", f"for {address} it got {answer}")
        number = pair.want("203.0.113.10")
        expect(isinstance(number, int) and send(child, number) == len(DATAGRAM), f"a public address: {number}")
        moved = pair.want("192.0.2.10")
        expect(isinstance(moved, int) and send(child, moved) == len(DATAGRAM), f"another: {moved}")

        # Thousands are asked for.
        held = sockets.udp(connected=True)
        answers = [pair.want(f"198.51.{n // 250}.{n % 250 + 1}") for n in range(1000)]
        got = [answer for answer in answers if isinstance(answer, int)]
        expect(len(held) + len(got) <= 128 and got, f"it has {len(held)} and got {len(got)} more")
        expect(set(answers) - set(got) == {"too many"}, f"the others: {set(answers) - set(got)}")
        # Given back and asked for again they are paced.
        for n in range(len(got)):
            pair.give_back(f"198.51.{n // 250}.{n % 250 + 1}")
        expect(send(child, got[0]) == -errno.EDESTADDRREQ, "what was given back still sends")

        # The host moves into the network of one.
        lab.run("agent", "ip", "address", "add", "192.0.2.1/24", "dev", "lo", check=True)
        try:
            until("it sends nothing into the host's own network", lambda: send(child, moved) == -errno.EDESTADDRREQ, 5, 0.01)
            expect(pair.want("192.0.2.10") == "not allowed", "what lies in the host's network may be asked for")
        finally:
            lab.run("agent", "ip", "address", "del", "192.0.2.1/24", "dev", "lo")

        number = until("a public address may be sent to again", lambda: pair.want("203.0.113.10"), 1)
        expect(isinstance(number, int) and send(child, number) == len(DATAGRAM), f"a public address: {number}")
        closing = world.lab.start("agent", AGENT, "close", "--all", "--socket", world.agent.socket, stdout=subprocess.DEVNULL)
        until("its socket is disconnected before it is killed", lambda: send(child, number) == -errno.EDESTADDRREQ, 0.9, 0.01)
    closing.wait(10)


@long_test("by none of its descriptors and calls a tunnel that was taken over reaches the site, the host itself or many at once")
def every_descriptor(world):
    if not can_take_over():
        return
    lab = world.lab
    capture = os.path.join(lab.state, "every.pcap")
    world.engineer()
    fresh_tunnel(world)
    first.fetch_page(world)
    tried = 0
    with captured(lab, capture):
        for call in ("sendto", "sendmsg", "sendmmsg"):
            for turn in range(100):
                pid = fresh_tunnel(world)
                first.fetch_page(world)
                with TakenOver(pid) as child:
                    numbers = Sockets(child).every()
                    if turn >= len(numbers):
                        break
                    address = [*OF_THE_SITE, IN_DISGUISE][tried % (len(OF_THE_SITE) + 1)]
                    there = socket_address(address, PORT)
                    message = child.message([DATAGRAM], address=there)
                    words = {"sendto": (DATAGRAM, len(DATAGRAM), 0, there, len(there)), "sendmsg": (message, 0),
                             "sendmmsg": (child.keep(child.read(message, 56) + bytes(8)), 1, 0)}[call]
                    how = child.killed_by(call, numbers[turn], *words)
                    expect(how == "SIGSYS", f"{call} with descriptor {numbers[turn]} to {address}: {how}")
                    tried += 1
        sent = on_the_wire(lab, capture)
    expect(tried > 15 and not sent, f"{tried} tried, on the wire: {sent[:3]}")
