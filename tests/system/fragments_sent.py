#!/usr/bin/env python3
"""Sends fragments of IPv4 that no honest host sends, and prints which ICMP errors came back, as JSON. Needs raw sockets.

usage: fragments_sent.py SOURCE TARGET PORT SECONDS KIND [TIMES]

Each is of a UDP datagram to PORT; errors are waited for until so many SECONDS after the last one. The kinds:
  overlap     the second of three begins inside the first one
  twice       the end comes at two places
  tiny        the first one ends inside the UDP header
  unfinished  a first one, and no other
  middle      one from the middle, and no other
  many        a first one with all that may be in it, each of a datagram of its own
"""
import collections
import json
import os
import random
import socket
import struct
import sys
import time

IP_NODEFRAG = 22  # of the sender's own netfilter


def fragment(source, target, identification, offset, more, payload):
    return struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(payload), identification, (0x2000 if more else 0) | offset // 8, 64, 17, 0,
                       source, target) + payload


def datagram(port, length):
    return struct.pack(">HHHH", 40000, port, 8 + length, 0) + os.urandom(length)  # without a checksum


def fragments(kind, source, target, port):
    def make(offset, more, payload):
        return fragment(source, target, identification, offset, more, payload)

    identification = random.getrandbits(16)
    whole = datagram(port, 2992)
    if kind == "overlap":
        return [make(0, True, whole[:1000]), make(800, True, whole[800:2000]), make(2000, False, whole[2000:])]
    if kind == "twice":
        return [make(0, True, whole[:1000]), make(2000, False, whole[2000:]), make(1000, False, whole[1000:2000])]
    if kind == "tiny":
        return [make(0, True, b""), make(0, False, whole[:4]), make(88, False, whole[88:1000])]
    if kind == "unfinished":
        return [make(0, True, whole[:1000])]
    if kind == "middle":
        return [make(1000, True, whole[1000:2000])]
    return [make(0, True, whole[:1256])]


def main(source, target, port, seconds, kind, times=1):
    source_bytes, target_bytes = socket.inet_aton(source), socket.inet_aton(target)
    heard = collections.Counter()
    with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW) as raw, \
            socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP) as errors:
        raw.setsockopt(socket.IPPROTO_IP, IP_NODEFRAG, 1)
        errors.settimeout(0.1)
        for _ in range(int(times)):
            for packet in fragments(kind, source_bytes, target_bytes, int(port)):
                while True:
                    try:
                        raw.sendto(packet, (target, 0))
                        break
                    except BlockingIOError:
                        time.sleep(0.001)
                    except OSError:  # the queue is full
                        time.sleep(0.001)
        end = time.monotonic() + float(seconds)
        while time.monotonic() < end:
            try:
                packet, (sender, _) = errors.recvfrom(65535)
            except TimeoutError:
                continue
            if sender == target:
                heard[f"{packet[20]}/{packet[21]}"] += 1
    print(json.dumps(heard))


main(*sys.argv[1:])
