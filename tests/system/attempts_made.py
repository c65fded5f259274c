#!/usr/bin/env python3
"""Begins connections and UDP flows, each of its own port, all of them at once, and waits for how they end.

usage: attempts_made.py ADDRESS SECONDS PROTOCOL:PORT[-LAST][*TIMES]...
"""
import select
import socket
import sys
import time


def main(address, seconds, *what):
    asked = []
    for each in what:
        protocol, _, rest = each.partition(":")
        ports, _, times = rest.partition("*")
        first, _, last = ports.partition("-")
        asked += [(protocol, port) for port in range(int(first), int(last or first) + 1)] * int(times or 1)
    for start in range(0, len(asked), 200):
        waiting = select.poll()
        sockets = {}
        for protocol, port in asked[start:start + 200]:
            made = socket.socket(socket.AF_INET, socket.SOCK_STREAM if protocol == "tcp" else socket.SOCK_DGRAM)
            made.setblocking(False)
            made.connect_ex((address, port))
            if protocol == "udp":
                made.send(b"?")
            else:
                sockets[made.fileno()] = made
                waiting.register(made, select.POLLOUT)
                continue
            sockets[-made.fileno()] = made  # nothing to wait for
        end = time.monotonic() + float(seconds)
        left = sum(number > 0 for number in sockets)
        while left and time.monotonic() < end:
            for number, _ in waiting.poll(100):
                waiting.unregister(number)
                left -= 1
        for made in sockets.values():
            made.close()


main(*sys.argv[1:])
