#!/usr/bin/env python3
"""Asks quoin-snmp as the gate does, and answers it as printers and strangers do.

usage: answers.py QUOIN_SNMP [--sanitized]

The gate's side is a socket pair as descriptor 3, one packet with the version, the community and a connected UDP socket, one packet
back: outcome (0 read, 1 silent, 2 unreadable), version (0: 2c, 1: 1), and the serial number or what came instead. Whatever comes over UDP, the program answers in that form and ends by
itself: it runs under the sandbox, so a forbidden system call on some path of the parser would show as a death by signal.
"""
import concurrent.futures
import os
import random
import resource
import socket
import subprocess
import sys
import time

PROGRAM = sys.argv[1]
SANITIZED = "--sanitized" in sys.argv
READ, SILENT, UNREADABLE = 0, 1, 2
SERIAL_OID = bytes.fromhex("2b060102012b0501011101")
OCTETS, INTEGER, NULL, NO_SUCH_OBJECT, GET, GET_NEXT, RESPONSE, SEQUENCE = 0x04, 0x02, 0x05, 0x80, 0xA0, 0xA1, 0xA2, 0x30
COLUMN = SERIAL_OID[:-1]


def tlv(tag, value):
    length = bytes([len(value)]) if len(value) < 128 else bytes([0x82]) + len(value).to_bytes(2, "big")
    return bytes([tag]) + length + value


def read_tlv(data):
    """Tag, value and rest of what quoin-snmp sent; its messages are short."""
    length, start = data[1], 2
    if length & 0x80:
        count = length & 0x7F
        length, start = int.from_bytes(data[2:2 + count], "big"), 2 + count
    return data[0], data[start:start + length], data[start + length:]


def parsed(request):
    """Version, community and request id of a request for the serial number."""
    _, message, _ = read_tlv(request)
    _, version, rest = read_tlv(message)
    _, community, rest = read_tlv(rest)
    tag, pdu, _ = read_tlv(rest)
    assert (tag == GET and SERIAL_OID in pdu) or (tag == GET_NEXT and COLUMN in pdu and SERIAL_OID not in pdu), request.hex()
    return version[0], community, read_tlv(pdu)[1]


def is_next(request):
    _, message, _ = read_tlv(request)
    return read_tlv(read_tlv(read_tlv(message)[2])[2])[0] == GET_NEXT


def response(request, value, oid=SERIAL_OID, number=None, status=0):
    version, community, asked = parsed(request)
    pair = tlv(SEQUENCE, tlv(0x06, oid) + value)
    pdu = tlv(INTEGER, number or asked) + tlv(INTEGER, bytes([status])) + tlv(INTEGER, b"\0") + tlv(SEQUENCE, pair)
    return tlv(SEQUENCE, tlv(INTEGER, bytes([version])) + tlv(OCTETS, community) + tlv(RESPONSE, pdu))


def ask(answers, patience=12, version=0):
    """Runs one question against ANSWERS(request, nth) -> datagrams; returns (outcome, serial, exit code, requests)."""
    printer = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    printer.bind(("127.0.0.1", 0))
    printer.settimeout(0.1)
    to_printer = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    to_printer.connect(printer.getsockname())
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)

    def give_it_descriptor_3():
        os.dup2(theirs.fileno(), 3)

    process = subprocess.Popen([PROGRAM], preexec_fn=give_it_descriptor_3, pass_fds=(3,), stdin=subprocess.DEVNULL,
                               stdout=subprocess.DEVNULL)
    theirs.close()
    socket.send_fds(ours, [bytes([version]) + b"fleet-read"], [to_printer.fileno()])
    ours.settimeout(0.02)
    requests, packet, end = [], None, time.monotonic() + patience
    locked.clear()
    while packet is None and time.monotonic() < end:
        try:
            request, where = printer.recvfrom(65536)
            requests.append(request)
            with open(f"/proc/{process.pid}/status") as status:
                locked.update(line.split()[1] for line in status if line.startswith("VmLck"))
            for datagram in answers(request, len(requests)):
                printer.sendto(datagram, where)
        except TimeoutError:
            pass
        try:
            packet = ours.recv(4096)
        except TimeoutError:
            pass
    code = process.wait(2)
    for each in (printer, to_printer, ours):
        each.close()
    outcome = packet[0] if packet else None
    return outcome, packet[2:] if packet else b"", code, requests, packet[1] if packet else None


def may_lock_all():
    """Whether a process without capabilities may lock its memory, once root has raised its limit as far as it goes."""
    try:
        resource.setrlimit(resource.RLIMIT_MEMLOCK, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    except (ValueError, PermissionError):
        return False
    return True


failed = 0
locked = set()  # how many kB of its memory are kept out of swap


def check(what, got, outcome, text=b"", version=0):
    global failed
    ok = got[:3] == (outcome, text, 0) and got[4] == version
    failed += not ok
    print(f"{'ok  ' if ok else 'FAIL'} {what}" + ("" if ok else f": {got[:3]}, version {got[4]}"))


right = tlv(OCTETS, b"3089LAB00021")
slow = concurrent.futures.ThreadPoolExecutor(2)
silent = slow.submit(ask, lambda request, nth: [])
old = slow.submit(ask, lambda request, nth: [response(request, right)] if parsed(request)[0] == 0 else [])

check("the serial number is read", ask(lambda request, nth: [response(request, right)]), READ, b"3089LAB00021")
may_lock = not SANITIZED and may_lock_all()
is_locked = bool(locked) and locked != {"0"}
failed += may_lock and not is_locked
print(f"{'FAIL' if may_lock and not is_locked else 'ok  '} its memory, which holds the community, is kept out of swap{'' if may_lock else ': not where the limit on locked memory cannot be raised'}")
check("padding is taken off", ask(lambda request, nth: [response(request, tlv(OCTETS, b"  X7 \0"))]), READ, b"X7")
check("an answer to another request is none", ask(lambda request, nth: [response(request, tlv(OCTETS, b"FORGED"), number=b"\x01\x02\x03\x04"),
                                                                        response(request, right)]), READ, b"3089LAB00021")
for what, value, said in (("no such object", tlv(NO_SUCH_OBJECT, b""), b"no such object"), ("a number", tlv(INTEGER, b"\x07"), b"no text"),
                          ("nothing", tlv(NULL, b""), b"no text"), ("an empty text", tlv(OCTETS, b""), b'""'),
                          ("65 bytes", tlv(OCTETS, b"x" * 65), b'"' + b"x" * 59 + b'..."'), ("10000 bytes", tlv(OCTETS, b"x" * 7000), b'"' + b"x" * 59 + b'..."'),
                          ("control characters", tlv(OCTETS, b"X\x1b[2J"), b'"X\\x1b[2J"')):
    check(f"{what}: unreadable, and said", ask(lambda request, nth, value=value: [response(request, value)]), UNREADABLE, said)
other = bytes.fromhex("2b06010201010500")
check("another object: unreadable", ask(lambda request, nth: [response(request, right, oid=other)]), UNREADABLE, b"no such object")
check("an error in both versions: unreadable", ask(lambda request, nth: [response(request, right, status=5)]), UNREADABLE, b"error 5")
check("an error in version 2c, and an answer in version 1", ask(lambda request, nth: [response(request, right, status=5 if parsed(request)[0] else 0)]),
      READ, b"3089LAB00021", 1)
check("an error in version 1, asked first, and an answer in version 2c", ask(lambda request, nth: [response(request, right, status=0 if parsed(request)[0] else 5)],
                                                                            version=1), READ, b"3089LAB00021", 0)
at_3 = COLUMN + b"\x03"
absent = {0: lambda request: response(request, tlv(NULL, b""), status=2), 1: lambda request: response(request, tlv(NO_SUCH_OBJECT, b""))}
for version, name in ((0, "2c"), (1, "1")):
    check(f"a device with another index, asked in version {name}", ask(
        lambda request, nth: [response(request, right, oid=at_3) if is_next(request) else absent[parsed(request)[0]](request)], version=version),
          READ, b"3089LAB00021", version)
check("a device without the column: the next object is another's", ask(
    lambda request, nth: [response(request, right, oid=COLUMN[:-1] + b"\x12\x01") if is_next(request) else absent[1](request)]), UNREADABLE, b"no such object")
check("a device that falls silent behind its first answer", ask(
    lambda request, nth: [] if is_next(request) else [absent[1](request)]), UNREADABLE, b"no such object")

chance = random.Random(20)


def mutated(datagram):
    data = bytearray(datagram)
    for _ in range(chance.randint(1, 6)):
        data[chance.randrange(len(data))] = chance.choice((0, 0x7F, 0x80, 0x84, 0xFF, chance.randrange(256)))
    return bytes(data[:chance.randrange(1, len(data) + 1)] if chance.random() < 0.3 else data)


deaths = []
for _ in range(60):
    got = ask(lambda request, nth: [b"", os.urandom(40), *(mutated(response(request, right)) for _ in range(12)), response(request, right)])
    if got[2] != 0 or got[0] not in (READ, UNREADABLE):
        deaths.append(got[:3])
failed += bool(deaths)
print(f"{'FAIL' if deaths else 'ok  '} 720 datagrams that are nearly right, and 60 that are nothing, end no process {deaths[:3]}")

got = silent.result()
check("silence is said after its tries", got, SILENT)
versions = [parsed(request)[0] for request in got[3]]
failed += versions != [1, 1, 1, 0]
print(f"{'ok  ' if versions == [1, 1, 1, 0] else 'FAIL'} three times in version 2c, then in version 1: {versions}")
check("a device that knows version 1 alone is read", old.result(), READ, b"3089LAB00021", 1)
known = ask(lambda request, nth: [response(request, right)] if parsed(request)[0] == 0 else [], version=1)
check("and at once where that is known", known, READ, b"3089LAB00021", 1)
failed += len(known[3]) != 1
sys.exit(1 if failed else 0)
