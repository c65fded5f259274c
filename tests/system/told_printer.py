"""A printer that prints what it is told: the test itself answers on a port of a lab host, in place of what listens there.

    with ToldPrinter(lab, "laser", 21) as printer:                # TCP; with udp=True datagrams
        line = printer.accept()                                   # a connection: an ordinary socket, with a timeout
        line.sendall(b"220 ready\\r\\n")
        expect(until_line(line, b"PASV"), ...)                    # reads up to a line that begins so
        line.sendall(b"227 (1,1,1,1,35,140)\\r\\n")               # anything, late, in pieces or never
        reset(line)
    printer.socket.recvfrom(2048); printer.socket.sendto(...)     # with udp=True

What is asked of the port from outside comes here (nftables redirects it), so the program behind it stays as it is. A second port of
the same host takes a second ToldPrinter; in_network_of() makes any other socket there, as a connection outwards.
"""
import concurrent.futures
import contextlib
import ctypes
import os
import socket
import struct

from site_lab import Failure

CLONE_NEWNET = 0x40000000
PATIENCE = 10.0  # seconds that a socket waits


def in_network_of(lab, host, action):
    """What ACTION returns in a thread of HOST's network namespace; a socket that it makes stays there."""
    def run():
        with open(f"/proc/{lab.holder(host)}/ns/net") as namespace:
            if ctypes.CDLL(None, use_errno=True).setns(namespace.fileno(), CLONE_NEWNET) != 0:
                raise Failure(f"the network of {host} cannot be entered: {os.strerror(ctypes.get_errno())}")
        return action()

    with concurrent.futures.ThreadPoolExecutor(1) as pool:  # this thread alone enters, and ends
        return pool.submit(run).result()


def reset(connection):
    """Ends it with a RST."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def until_line(connection, beginning):
    """Reads lines until one begins so, and returns it; Failure if the other side ends or says nothing more."""
    got = b""
    while True:
        try:
            byte = connection.recv(1)
        except TimeoutError:
            byte = b""
        if not byte:
            raise Failure(f"no line begins with {beginning!r}; the last was {got!r}")
        got = byte if got.endswith(b"\n") else got + byte
        if got.endswith(b"\n") and got.startswith(beginning):
            return got


class ToldPrinter:
    def __init__(self, lab, host, port, udp=False):
        self.lab, self.host, self.port, self.udp = lab, host, port, udp
        self._table = f"told_{'udp' if udp else 'tcp'}_{port}"

    def __enter__(self):
        self.socket = in_network_of(self.lab, self.host, self._listen)
        kind = "udp" if self.udp else "tcp"
        rules = (f"table inet {self._table} {{\nchain in {{\ntype nat hook prerouting priority dstnat\n"
                 f"{kind} dport {self.port} redirect to :{self.socket.getsockname()[1]}\n}}\n}}\n")
        self.lab.run(self.host, "nft", "-f", "-", input=rules.encode(), check=True)
        return self

    def __exit__(self, *_):
        with contextlib.suppress(Failure):
            self.lab.run(self.host, "nft", "delete", "table", "inet", self._table, check=True)
        self.socket.close()

    def accept(self):
        try:
            connection, self.peer = self.socket.accept()
        except TimeoutError:
            raise Failure(f"nobody connects to port {self.port} of {self.host}") from None
        connection.settimeout(PATIENCE)
        return connection

    def _listen(self):
        made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM if self.udp else socket.SOCK_STREAM)
        made.settimeout(PATIENCE)
        made.bind(("", 0))
        if not self.udp:
            made.listen(64)
        return made
