#!/usr/bin/env python3
"""Answers each datagram with its length and SHA-256, or, asked "long N", with N bytes.

usage: udp_counts.py PORT
"""
import hashlib
import socket
import sys

with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as port:
    port.bind(("", int(sys.argv[1])))
    print("ready", flush=True)
    while True:
        data, source = port.recvfrom(65535)
        if data.startswith(b"long "):
            port.sendto(bytes(int(data[5:])), source)
        else:
            port.sendto(f"{len(data)} {hashlib.sha256(data).hexdigest()}".encode(), source)
