#!/usr/bin/env python3
"""One TCP transfer that lasts as long as its test needs it.

usage: steady_transfer.py send ADDRESS PORT RATE FINISH-FILE      sends random bytes until FINISH-FILE exists
       steady_transfer.py receive ADDRESS PORT RATE FINISH-FILE PATH
                                                                  GETs PATH; once FINISH-FILE exists as fast as it comes
RATE is in bytes a second. Prints the number of bytes and their SHA-256 at the end.
"""
import hashlib
import os
import socket
import sys
import time

PIECE = 16384


def pieces_at(rate, finish):
    """Yields at the rate, and how many pieces are late, until FINISH exists."""
    began, done = time.monotonic(), 0
    while not os.path.exists(finish):
        yield
        done += 1
        time.sleep(max(0.0, began + done * PIECE / rate - time.monotonic()))


def main(direction, address, port, rate, finish, path=""):
    total, digest = 0, hashlib.sha256()
    with socket.socket() as stream:
        if direction == "receive":
            stream.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 256 << 10)  # the sender feels the rate
        stream.connect((address, int(port)))
        if direction == "send":
            for _ in pieces_at(int(rate), finish):
                data = os.urandom(PIECE)
                stream.sendall(data)
                digest.update(data)
                total += len(data)
            stream.shutdown(socket.SHUT_WR)
            stream.recv(1)
        else:
            stream.sendall(f"GET {path} HTTP/1.0\r\n\r\n".encode())
            incoming = stream.makefile("rb", buffering=PIECE)
            while incoming.readline().strip():
                pass
            pace = pieces_at(int(rate), finish)
            while data := incoming.read(PIECE):
                digest.update(data)
                total += len(data)
                next(pace, None)
    print(total, digest.hexdigest(), flush=True)


main(*sys.argv[1:])
