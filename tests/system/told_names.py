"""Name servers on a lab host that answer what a test tells them, late, or not at all.

    with NameServers(lab, "agent", {"127.0.0.1": None, "127.0.0.2": {"control.lab": ["203.0.113.10", "2001:db8::1"]}}):
        ...                                    # the host's resolv.conf lists them in this order; None: one that is silent

A name that a server does not have does not exist. An address "late:SECONDS" in front makes it wait before each answer; the records of
a family that is listed as "A:silent" or "AAAA:silent" are asked for in vain. (RFC 1035.) Run as a program it takes what to do as JSON.
"""
import json
import os
import socket
import struct
import subprocess
import sys
import threading
import time

from site_lab import Failure

A, AAAA = 1, 28
RESPONSE, NO_SUCH_NAME = 0x8580, 0x8583


class NameServers:
    def __init__(self, lab, host, servers):
        self.lab, self.host, self.servers = lab, host, servers

    def __enter__(self):
        self.process = self.lab.start(self.host, sys.executable, os.path.abspath(__file__), json.dumps(self.servers), stdout=subprocess.PIPE,
                                      text=True)
        if self.process.stdout.readline() != "ready\n":
            raise Failure("the name servers do not start")
        self._list("".join(f"nameserver {address}\n" for address in self.servers))
        return self

    def __exit__(self, *_):
        self._list("")
        self.process.kill()
        self.process.wait()

    def _list(self, text):
        self.lab.run(self.host, "sh", "-c", "cat >/etc/resolv.conf", input=text.encode(), check=True)


def name_and_type(question):
    labels, at = [], 12
    while question[at]:
        labels.append(question[at + 1:at + 1 + question[at]].decode())
        at += 1 + question[at]
    return ".".join(labels).lower(), struct.unpack_from("!H", question, at + 1)[0], question[12:at + 5]


def answer(question, names):
    """None: silence."""
    name, kind, asked = name_and_type(question)
    flags, records = (RESPONSE, names[name]) if name in names else (NO_SUCH_NAME, [])
    found = []
    for record in records:
        if record.startswith("late:"):
            time.sleep(float(record[5:]))
        elif record == {A: "A:silent", AAAA: "AAAA:silent"}.get(kind):
            return None
        elif record[0].isdigit() and (":" in record) == (kind == AAAA) and kind in (A, AAAA):
            data = socket.inet_pton(socket.AF_INET6 if kind == AAAA else socket.AF_INET, record)
            found.append(struct.pack("!HHHIH", 0xc00c, kind, 1, 60, len(data)) + data)
    return question[:2] + struct.pack("!HHHHH", flags, 1, len(found), 0, 0) + asked + b"".join(found)


def serve(address, names):
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind((address, 53))

    def reply(question, client):
        if names is not None and (said := answer(question, names)) is not None:
            server.sendto(said, client)

    def listen():
        while True:
            threading.Thread(target=reply, args=server.recvfrom(4096), daemon=True).start()

    threading.Thread(target=listen, daemon=True).start()


if __name__ == "__main__":
    for one_address, its_names in json.loads(sys.argv[1]).items():
        serve(one_address, its_names)
    print("ready", flush=True)
    threading.Event().wait()
