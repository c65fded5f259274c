"""A process of ours in the hands of an attacker: any system call, done by the process itself (tests/attack/quoin-inject).

    with TakenOver(world.agent.children()[0]) as child:
        child.call("getpid")                                     # its pid; an error comes back as -errno
        child.call("sendto", 5, b"text", 4, 0, 0, 0)             # bytes become memory of the child, None a null pointer
        space = child.space(2000)                                # memory to be filled: an address
        child.call("recvfrom", 5, space, 2000, MSG_DONTWAIT, None, None)
        child.read(space, 2000)
        child.call("sendmsg", 3, child.message([b"x"], descriptors=[7]), 0)
        child.call("sendto", 5, b"x", 1, 0, socket_address("192.168.77.50", 9), 16)
        child.repeat("write", 2, b"rubbish\\n", 8, times=10_000)  # as fast as it can: {result: how often}
        child.descriptors()                                      # {3: "socket:[4711]", ...}
        child.killed_by("socket", 2, 1, 0)                       # "SIGSYS"; None if it lived

The process stands still from the beginning of the block to its end, but for these calls; then it goes on where it was, unless it
died (what is called afterwards raises Died). A thread's number takes over, and stops, this thread alone: `TakenOver(pid)` around
anything holds the first thread of PID, which is where the gate's loop runs, and threads(pid) has the others. The filter of system
calls judges every call as if the process had made it by itself. A call that takes longer than ten seconds is interrupted
(-EINTR). The parent of a process that dies in here hears of it as usual.
"""
import collections
import os
import re
import signal
import socket
import struct
import subprocess

from site_lab import BUILD, Failure

INJECT = os.path.join(BUILD, "bin", "quoin-inject")
ARENA = 1 << 20  # bytes mapped at a time for what the calls point at
PROT_READ_WRITE, MAP_PRIVATE_ANONYMOUS = 3, 0x22


class Died(Failure):
    """The process did not survive: `how` is a signal's name, or "exit 0"."""

    def __init__(self, how):
        super().__init__(f"the process that was taken over died: {how}")
        self.how = how


def call_numbers():
    """The kernel's numbers of the system calls, from its own header."""
    with open("/usr/include/x86_64-linux-gnu/asm/unistd_64.h") as header:
        return {name: int(number) for name, number in re.findall(r"#define __NR_(\w+) (\d+)", header.read())}


def socket_address(host, port):
    """A sockaddr_in or sockaddr_in6 of 16 or 28 bytes."""
    if ":" in host:
        return struct.pack("=H", socket.AF_INET6) + struct.pack("!HI", port, 0) + socket.inet_pton(socket.AF_INET6, host) + bytes(4)
    return struct.pack("=H", socket.AF_INET) + struct.pack("!H", port) + socket.inet_aton(host) + bytes(8)


def threads(pid):
    """{number: name}, the first thread first."""
    return {int(tid): open(f"/proc/{pid}/task/{tid}/comm").read().strip() for tid in sorted(os.listdir(f"/proc/{pid}/task"), key=int)}


class TakenOver:
    def __init__(self, thread):
        self.thread = thread
        self._numbers = call_numbers()
        self._arenas = []  # [address, bytes, bytes used]
        self._in_use = 0   # bytes of the last arena that stay after a call
        self._death = None

    def __enter__(self):
        if not os.path.exists(INJECT):
            raise Failure(f"{INJECT} is not there: ./run build makes it, on x86_64")
        self._tool = subprocess.Popen([INJECT, str(self.thread)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        if self._tool.stdout.readline() != b"stopped\n":
            raise Failure(f"{self.thread} was not taken over: {self._tool.communicate()[1].decode().strip()}")
        return self

    def __exit__(self, *_):
        try:
            for arena in self._arenas:
                self.call("munmap", arena[0], arena[1])
        except Died:
            pass
        finally:
            self._tool.communicate()

    def call(self, name, *arguments):
        """What the call returned, or -errno."""
        return int(self._with_arguments(f"call {self._numbers[name]}", arguments).split()[1])

    def repeat(self, name, *arguments, times=1 << 62, seconds=10.0):
        """The same call over and over, until the times or the seconds are used up: {what it returned: how often}."""
        answer = self._with_arguments(f"repeat {times} {int(seconds * 1000)} {self._numbers[name]}", arguments)
        return collections.Counter({int(result): int(count) for result, count in (word.split(":") for word in answer.split()[1:])})

    def killed_by(self, name, *arguments):
        try:
            self.call(name, *arguments)
        except Died as death:
            return death.how
        return None

    def space(self, size):
        """The address of so many bytes, which stay until the end of the block."""
        address = self._place(bytes(size))
        self._in_use = self._arenas[-1][2]
        return address

    def read(self, address, size):
        answer = self._ask(f"read {address} {size}")
        if answer == "failed":
            raise Failure(f"no {size} bytes can be read at {address:#x}")
        return bytes.fromhex(answer.partition(" ")[2])

    def write(self, address, data):
        if self._ask(f"write {address} {data.hex()}") == "failed":
            raise Failure(f"no {len(data)} bytes can be written at {address:#x}")

    def message(self, parts, descriptors=(), address=b"", control=b""):
        """A msghdr of these bytes, or addresses with sizes; for sendmsg, recvmsg and, with a count behind it, sendmmsg."""
        keep = self.keep
        vector = b"".join(struct.pack("=QQ", *((keep(part), len(part)) if isinstance(part, bytes) else part)) for part in parts)
        if descriptors:
            data = struct.pack(f"={len(descriptors)}i", *descriptors)
            control += struct.pack("=Qii", 16 + len(data), socket.SOL_SOCKET, socket.SCM_RIGHTS) + data + bytes(-len(data) % 8)
        return keep(struct.pack("=QIxxxxQQQQiI", keep(address) if address else 0, len(address), keep(vector), len(parts),
                                keep(control) if control else 0, len(control), 0, 0))

    def keep(self, data):
        """The address of these bytes, which stay until the end of the block."""
        address = self.space(len(data))
        self.write(address, data)
        return address

    def descriptors(self):
        folder = f"/proc/{self.thread}/fd"
        return {int(number): os.readlink(f"{folder}/{number}") for number in sorted(os.listdir(folder), key=int)}

    def _with_arguments(self, order, arguments):
        words = []
        for argument in arguments:
            if isinstance(argument, bytes):
                address = self._place(argument)
                self.write(address, argument)
                argument = address
            words.append(str(argument or 0))
        answer = self._ask(" ".join([order, *words]))
        if self._arenas:
            self._arenas[-1][2] = self._in_use
        return answer

    def _place(self, data):
        size = (len(data) + 15) // 16 * 16
        if not self._arenas or self._arenas[-1][2] + size > self._arenas[-1][1]:
            length = max(ARENA, (size + 4095) // 4096 * 4096)
            address = self.call("mmap", 0, length, PROT_READ_WRITE, MAP_PRIVATE_ANONYMOUS, -1, 0)
            if -4096 < address < 0:
                raise Failure(f"the process that was taken over gets no memory: {os.strerror(-address)}")
            self._arenas.append([address, length, 0])
            self._in_use = 0
        arena = self._arenas[-1]
        arena[2] += size
        return arena[0] + arena[2] - size

    def _ask(self, order):
        if self._death:
            raise self._death
        try:
            self._tool.stdin.write(f"{order}\n".encode())
            self._tool.stdin.flush()
        except BrokenPipeError:
            pass  # it has died, and this stands in the next line
        answer = self._tool.stdout.readline().decode().strip()
        word, _, value = answer.partition(" ")
        if word in ("killed", "exited"):
            self._death = Died(signal.Signals(int(value)).name if word == "killed" else f"exit {value}")
            raise self._death
        if not answer:
            raise Failure(f"quoin-inject ended: {self._tool.stderr.read().decode().strip()}")
        return answer
