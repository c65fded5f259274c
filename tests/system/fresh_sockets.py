#!/usr/bin/env python3
"""Asks for sysDescr by SNMP, each time from a fresh socket, as many tools do. Prints how many questions were answered.

usage: fresh_sockets.py ADDRESS TIMES SECONDS       so many SECONDS for each answer
"""
import select
import socket
import sys
import time

UNDER_WAY = 32


def question(number):
    return bytes.fromhex("302902010104067075626c6963a01c0204") + number.to_bytes(4, "big") + \
        bytes.fromhex("020100020100300e300c06082b060102010101000500")


def main(address, times, seconds):
    answered, asked = 0, 0
    waiting = {}  # descriptor -> socket, when it is given up
    poll = select.poll()
    while asked < int(times) or waiting:
        while asked < int(times) and len(waiting) < UNDER_WAY:
            asked += 1
            made = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM)
            made.connect((address, 161))
            made.send(question(asked))
            poll.register(made, select.POLLIN)
            waiting[made.fileno()] = made, time.monotonic() + float(seconds)
        for number, _ in poll.poll(50):
            made, _ = waiting.pop(number)
            poll.unregister(made)
            try:
                answered += len(made.recv(65535)) > 40
            except OSError:
                pass
            made.close()
        for number, (made, until) in list(waiting.items()):
            if time.monotonic() > until:
                poll.unregister(made)
                made.close()
                del waiting[number]
    print(answered)


main(*sys.argv[1:])
