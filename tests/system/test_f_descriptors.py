"""What a tunnel leaves behind: no descriptor of its own with the gate, no byte after its end, and nothing lost that had ended in order."""
import contextlib
import fcntl
import hashlib
import os
import signal
import socket
import struct
import termios
import time

from site_lab import Failure, ipv4, until
from taken_over import INJECT, Died, TakenOver
from told_printer import ToldPrinter, in_network_of
from world import expect, long_test, test

PORT = 9100


@contextlib.contextmanager
def printing(world):
    """An engineer's connection to the printer's raw port, and the printer's side of it, which reads what the test reads."""
    with ToldPrinter(world.lab, "mfp", PORT) as printer:
        printer.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 64 << 10)
        address = ipv4(world.opened())
        engineer = in_network_of(world.lab, "support", lambda: socket.create_connection((address, PORT), timeout=20))
        with engineer, printer.accept() as device:
            yield engineer, device


def send_what_fits(engineer, size):
    """SIZE bytes, or fewer if nothing is taken for a while."""
    sent = 0
    engineer.settimeout(0.3)
    with contextlib.suppress(TimeoutError):
        while sent < size:
            sent += engineer.send(bytes(min(65536, size - sent)))
    return sent


def received(device):
    """Bytes that wait to be read."""
    return struct.unpack("i", fcntl.ioctl(device, termios.FIONREAD, bytes(4)))[0]


def settled(device):
    """Bytes that wait to be read, once they become no more."""
    last = -1
    while last != (last := received(device)) or last == 0:
        time.sleep(0.3)
    return last


def sockets_to(world, pid, port):
    """Descriptors of PID that are TCP sockets connected to this port."""
    inodes = set()
    with open(f"/proc/{pid}/net/tcp") as table:
        for line in list(table)[1:]:
            words = line.split()
            if int(words[2].split(":")[1], 16) == port:
                inodes.add(f"socket:[{words[9]}]")
    folder = f"/proc/{pid}/fd"
    return [int(number) for number in os.listdir(folder) if os.readlink(f"{folder}/{number}") in inodes]


@contextlib.contextmanager
def lossy(lab, host, direction):
    """Of what HOST gets to or from the raw port every seventh packet is lost."""
    rules = f"table inet lossy {{\nchain in {{\ntype filter hook prerouting priority raw\ntcp {direction} {PORT} numgen random mod 7 0 drop\n}}\n}}\n"
    lab.run(host, "nft", "-f", "-", input=rules.encode(), check=True)
    try:
        yield
    finally:
        lab.run(host, "nft", "delete", "table", "inet", "lossy")


@test("a tunnel that was taken over and sends a socket that lingers over the pair holds up no answer, no end and no kill")
def lingering_descriptor(world):
    if not os.path.exists(INJECT):
        print("     SKIPPED: quoin-inject is built for x86_64 only", flush=True)
        return
    world.engineer()
    world.agent.close()
    with printing(world) as (engineer, device):
        send_what_fits(engineer, 4 << 20)
        pid = world.agent.children()[0]
        expect(received(device) > 0, "the printer got nothing")  # or nothing is queued for it
        number = sockets_to(world, pid, PORT)[0]
        # The gate stands still meanwhile, so that the copy it is sent is the last one.
        with TakenOver(world.agent.process.pid), contextlib.suppress(Died), TakenOver(pid) as child:
            child.call("setsockopt", number, socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 3600), 8)
            child.call("sendmsg", 3, child.message([b"x"], descriptors=[number]), 0)
            child.call("close", number)
        until("the session ends", lambda: world.agent.opened("mfp") is None, 5)  # answered, that is
        expect(not os.path.exists(f"/proc/{pid}"), "the tunnel runs on")


@long_test("a tunnel that is killed with a megabyte queued sends nothing more of it")
def killed_with_bytes_queued(world):
    world.engineer()
    world.agent.close()
    with printing(world) as (engineer, device):
        sent = send_what_fits(engineer, 2 << 20)
        waiting = settled(device)
        expect(sent > waiting + (1 << 20), f"{sent} bytes were taken and {waiting} have arrived: no megabyte is queued")
        os.kill(world.agent.children()[0], signal.SIGKILL)
        until("the session ends", lambda: world.agent.opened("mfp") is None, 5)
        got, is_reset = 0, False
        device.settimeout(10)
        try:
            while piece := device.recv(65536):
                got += len(piece)
        except ConnectionResetError:
            is_reset = True
        expect(got <= waiting, f"{got - waiting} bytes arrived after the kill")
        expect(is_reset, "the printer was told of an end in order")


@long_test("on a lossy LAN the whole tail of a connection that ended in order arrives, though the engineer has long gone")
def tail_on_a_lossy_lan(world):
    world.engineer()
    world.agent.close()
    job = os.urandom(700_000)
    with printing(world) as (engineer, device), lossy(world.lab, "mfp", "dport"), lossy(world.lab, "agent", "sport"):
        device.shutdown(socket.SHUT_WR)  # so that the engineer's side is over before the printer has read anything
        expect(engineer.recv(1) == b"", "the printer's end did not arrive")
        engineer.settimeout(30)
        engineer.sendall(job)
        engineer.close()
        time.sleep(3)
        got = b""
        device.settimeout(60)
        while piece := device.recv(16384):
            got += piece
            time.sleep(0.02)
        expect(len(got) == len(job) and hashlib.sha256(got).digest() == hashlib.sha256(job).digest(), f"{len(got)} of {len(job)} bytes arrived")
    flow = until("the flow's end is recorded", lambda: ended_flow(world), 20)
    expect(flow["bytes_to_device"] == len(job), f"the record says {flow}")


def ended_flow(world):
    found = [record for record in world.agent.audit() if record["event"].startswith("flow") and record.get("port") == PORT]
    if not found:
        raise Failure("no flow is recorded")
    return found[-1] if found[-1].get("bytes_to_device") is not None else None
