"""The kernel's side of a case: a network namespace of its own, the TUN device behind which the stack sits, and sockets.

    this process (sockets of the kernel) -- oracle0, 10.9.0.1, fd09::1 -- [quoin-oracle: link -- stack 10.9.0.2, fd09::2]

The namespace is the process's own, unnamed, and goes with it. What the words to and from quoin-oracle mean is in host.h.
"""
import ctypes
import hashlib
import os
import random
import re
import select
import socket
import struct
import subprocess
import threading
import time

KERNEL = {4: "10.9.0.1", 6: "fd09::1"}
STACK = {4: "10.9.0.2", 6: "fd09::2"}
FAMILY = {4: socket.AF_INET, 6: socket.AF_INET6}
PATIENCE = 60  # seconds that anything may take before it counts as a hang; the case has a limit of its own
CLONE_NEWNET = 0x40000000
PR_SET_CHILD_SUBREAPER = 36
TCP_CONGESTION = 13
TCP_STATES = {1: "ESTABLISHED", 2: "SYN_SENT", 3: "SYN_RECV", 4: "FIN_WAIT1", 5: "FIN_WAIT2", 6: "TIME_WAIT", 7: "CLOSE",
              8: "CLOSE_WAIT", 9: "LAST_ACK", 10: "LISTEN", 11: "CLOSING"}


class Failure(Exception):
    """Something was not as it should be; the text says what, and what came instead."""


class Skipped(Exception):
    """This kernel cannot play the case; the text says why."""


def expect(condition, text):
    if not condition:
        raise Failure(text)


def enter_new_network():
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWNET) != 0:
        raise Failure(f"no network namespace: {os.strerror(ctypes.get_errno())}")


def become_parent_of_orphans():
    """What a case leaves running becomes this process's child, so that its end can be waited for."""
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def congestion_controls():
    return open("/proc/sys/net/ipv4/tcp_available_congestion_control").read().split()


def until(what, condition, patience=PATIENCE, pause=0.005):
    end = time.monotonic() + patience
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise Failure(f"not within {patience} s: {what}")
        time.sleep(pause)


def content(size, seed):
    """SIZE bytes in pieces, the same for the same seed."""
    source = random.Random(seed)
    while size > 0:
        piece = source.randbytes(min(size, 65536))
        size -= len(piece)
        yield piece


class Network:
    """One case's namespace with the stack in it."""

    def __init__(self, program, trace, seed):
        self.program, self.trace, self.seed = program, trace, seed
        self.process = None
        self.lines = []
        self.changed = threading.Condition()

    def sysctl(self, **settings):
        for name, value in settings.items():
            with open("/proc/sys/net/" + name.replace("__", "/"), "w") as file:
                file.write(str(value))

    def ip(self, *lines):
        done = subprocess.run(["ip", "-batch", "-"], input="\n".join(lines) + "\n", text=True, capture_output=True)
        expect(done.returncode == 0, f"ip: {done.stderr.strip()}")

    def start(self, mtu=1280, kernel_mtu=1280, memory=None, trace=True, **conditions):
        words = [self.program, "oracle0", f"seed={self.seed}", f"mtu={mtu}"]
        if memory:
            words.append(f"memory={memory}")
        if trace:
            words.append(f"trace={self.trace}")
        self.process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)
        threading.Thread(target=self._listen, daemon=True).start()
        self.line(r"ready")
        addresses = [f"addr add {KERNEL[4]}/24 dev oracle0"]
        if kernel_mtu >= 1280:
            addresses.append(f"addr add {KERNEL[6]}/64 dev oracle0 nodad")
        self.ip("link set lo up", f"link set oracle0 mtu {kernel_mtu} txqueuelen 20000 up", *addresses)
        if kernel_mtu >= 1280:
            self._wait_for_ipv6()
        if conditions:
            self.link("both", **conditions)
        return self

    def _wait_for_ipv6(self):
        """The kernel takes a new address into use a moment later, and drops what comes for it until then."""
        tentative = 0x40
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            with open("/proc/net/if_inet6") as known:
                flags = [int(line.split()[4], 16) for line in known if line.startswith(socket.inet_pton(socket.AF_INET6, KERNEL[6]).hex())]
            if flags and not flags[0] & tentative:
                return
            time.sleep(0.005)
        raise Failure(f"the kernel does not use {KERNEL[6]}")

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.stdin.close()
        expect(self.process is None or self.process.wait(30) == 0, "quoin-oracle did not end well: its last words are above")

    def _listen(self):
        for line in self.process.stdout:
            with self.changed:
                self.lines.append(line.rstrip("\n"))
                self.changed.notify_all()
        with self.changed:
            self.lines.append("gone")
            self.changed.notify_all()

    def line(self, pattern, patience=PATIENCE):
        """Waits for a line that is all of PATTERN, takes it away, and returns the match."""
        wanted = re.compile(pattern)
        end = time.monotonic() + patience
        with self.changed:
            seen = 0
            while True:
                for index in range(seen, len(self.lines)):
                    match = wanted.fullmatch(self.lines[index])
                    if match:
                        del self.lines[index]
                        return match
                seen = len(self.lines)
                if "gone" in self.lines:
                    raise Failure(f"quoin-oracle ended ({self.process.wait()}) while waiting for: {pattern}")
                if not self.changed.wait(max(end - time.monotonic(), 0)):
                    raise Failure(f"quoin-oracle did not say: {pattern}; it said last: {self.lines[-5:]}")

    def tell(self, command):
        self.process.stdin.write(command + "\n")
        self.process.stdin.flush()
        return self.line(r"= (.*)")[1]

    def ask(self, command):
        answer = self.tell(command)
        expect(answer == "ok", f"{command}: {answer}")

    def serve(self, port, script="", transport="tcp"):
        self.ask(f"serve {transport} {port} {script}")

    def connect(self, port, script="", version=4, address=None):
        host = address or KERNEL[version]
        host = f"[{host}]" if ":" in host else host
        answer = self.tell(f"connect {host}:{port} {script}")
        expect(answer.startswith("flow "), f"connect: {answer}")
        return int(answer.split()[1])

    def link(self, direction, **conditions):
        self.ask(f"link {direction} " + " ".join(f"{name}={value}" for name, value in conditions.items()))

    def statistics(self):
        return {name: int(value) for name, value in (word.split("=") for word in self.tell("statistics").split())}

    def opened(self):
        """The number of the next flow that the stack heard of."""
        return int(self.line(r"open (\d+) .*")[1])

    def end(self, flow, reason="finished", patience=PATIENCE):
        """The last words about a flow: what it read and wrote."""
        match = self.line(rf"end {flow} (\w+)(.*)", patience)
        expect(re.fullmatch(reason, match[1]), f"flow {flow} ended as {match[1]}, not {reason}")
        return dict(word.split("=") for word in match[2].split())

    def sanitized(self):
        """Built with AddressSanitizer, whose own memory says nothing about ours."""
        return b"__asan_init" in open(self.program, "rb").read()

    def resident_bytes(self):
        return int(open(f"/proc/{self.process.pid}/statm").read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def prepare(sock, cc=None, mss=None, rcvbuf=None, patience=PATIENCE):
    sock.settimeout(patience)
    if cc:
        sock.setsockopt(socket.IPPROTO_TCP, TCP_CONGESTION, cc.encode())
    if mss:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, mss)
    if rcvbuf:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, rcvbuf)
    return sock


def kernel_connects(port, version=4, source_port=None, wait=True, **options):
    sock = prepare(socket.socket(FAMILY[version], socket.SOCK_STREAM), **options)
    if source_port:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((KERNEL[version], source_port))
    if not wait:
        sock.setblocking(False)
    try:
        sock.connect((STACK[version], port))
    except BlockingIOError:
        pass
    except BaseException:
        sock.close()
        raise
    return sock


def kernel_listens(port, version=4, address=None, **options):
    sock = prepare(socket.socket(FAMILY[version], socket.SOCK_STREAM), **options)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.bind((address or KERNEL[version], port))
    sock.listen(4096)
    return sock


def tcp_state(sock):
    return TCP_STATES[sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0]]


def reach(sock, *states):
    until(f"the kernel's socket is in {' or '.join(states)}, not {tcp_state(sock)}", lambda: tcp_state(sock) in states)


def reset(sock):
    """Closes with a RST."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


def send(sock, size, seed=1):
    digest = hashlib.sha256()
    for piece in content(size, seed):
        digest.update(piece)
        sock.sendall(piece)
    return digest.hexdigest()


def receive(sock, limit=None, piece=1 << 18):
    """Everything up to the end, or LIMIT bytes: how many and their SHA-256."""
    digest, count = hashlib.sha256(), 0
    while limit is None or count < limit:
        data = sock.recv(piece if limit is None else min(piece, limit - count))
        if not data:
            break
        digest.update(data)
        count += len(data)
    return count, digest.hexdigest()


class Exchange(threading.Thread):
    """Sends SIZE bytes with an end, and receives to the end, both at once; what came of it is in finish()."""

    def __init__(self, sock, size, seed):
        super().__init__(daemon=True)
        self.sock, self.size, self.seed = sock, size, seed
        self.problem = None
        self.sent_sha = None
        self.start()

    def run(self):
        try:
            self.sent_sha = send(self.sock, self.size, self.seed)
            self.sock.shutdown(socket.SHUT_WR)
        except OSError as problem:
            self.problem = f"sending: {problem!r}"

    def finish(self):
        try:
            self.received, self.received_sha = receive(self.sock)
        except OSError as problem:
            raise Failure(f"receiving: {problem!r}; {self.problem or 'sending went well so far'}")
        self.join(PATIENCE * 4)
        expect(not self.is_alive(), "the kernel could not send everything")
        expect(self.problem is None, self.problem)
        self.sock.close()


def same(exchange, account, sent_by_stack):
    """Both directions byte by byte, by count and SHA-256."""
    expect(int(account["in"]) == exchange.size, f"the stack read {account['in']} of {exchange.size} bytes")
    expect(account["in_sha"] == exchange.sent_sha, "the stack read other bytes than the kernel sent")
    expect(int(account["out"]) == sent_by_stack, f"the stack wrote {account['out']} of {sent_by_stack} bytes")
    expect(exchange.received == sent_by_stack, f"the kernel read {exchange.received} of {sent_by_stack} bytes")
    expect(exchange.received_sha == account["out_sha"], "the kernel read other bytes than the stack wrote")


def both_ways(network, role, size, version=4, seed=1, port=7000, **options):
    """One connection, opened by either side, SIZE bytes each way at once."""
    if role == "passive":
        network.serve(port, f"send={size}")
        sock = kernel_connects(port, version, **options)
        flow = network.opened()
    else:
        listener = kernel_listens(port, version, **options)
        flow = network.connect(port, f"send={size}", version)
        sock, _ = listener.accept()
        sock.settimeout(PATIENCE)
        listener.close()
    exchange = Exchange(sock, size, seed)
    exchange.finish()
    same(exchange, network.end(flow), size)


class Wire:
    """Raw sight of oracle0 and raw sending to the stack, for what no socket does."""

    def __init__(self):
        self.seen = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(0x0003))
        self.seen.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 23)
        self.seen.bind(("oracle0", 0))
        self.out = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)

    def next(self, wanted, patience=PATIENCE):
        """The next IPv4 packet for which WANTED(packet) is true, and whether it was going to the stack."""
        end = time.monotonic() + patience
        while time.monotonic() < end:
            if not select.select([self.seen], [], [], 0.2)[0]:
                continue
            packet, source = self.seen.recvfrom(65536)
            if packet[0] >> 4 == 4 and wanted(packet):
                return packet
        raise Failure("the packet that was waited for did not pass")

    def send(self, packet):
        self.out.sendto(packet, (STACK[4], 0))


def checksum(data):
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def ipv4_packet(protocol, payload, source=KERNEL[4], destination=STACK[4]):
    head = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(payload), 0, 0x4000, 64, protocol, 0, socket.inet_aton(source),
                       socket.inet_aton(destination))
    return head[:10] + struct.pack("!H", checksum(head)) + head[12:] + payload


def tcp_packet(source_port, destination_port, sequence, acknowledgment, flags, options=b"", payload=b"", source=KERNEL[4],
               window=64240):
    length = 20 + len(options) + len(payload)
    head = struct.pack("!HHIIBBHHH", source_port, destination_port, sequence & 0xFFFFFFFF, acknowledgment & 0xFFFFFFFF,
                       (5 + len(options) // 4) << 4, flags, window, 0, 0) + options + payload
    pseudo = socket.inet_aton(source) + socket.inet_aton(STACK[4]) + struct.pack("!HH", 6, length)
    return ipv4_packet(6, head[:16] + struct.pack("!H", checksum(pseudo + head)) + head[18:], source)
