#!/usr/bin/env python3
"""Takes one connection at a time, as port 9100 of many printers, and asks its kernel to find out whether the other side lives.

usage: one_at_a_time.py PORT

Prints "taken" for each connection, and how long it was quiet before it ended: "freed after 37.0 s".
"""
import contextlib
import socket
import sys
import time

listener = socket.create_server(("", int(sys.argv[1])), backlog=1)
print("ready", flush=True)
while True:
    connection, _ = listener.accept()
    for option, value in ((socket.TCP_KEEPIDLE, 20), (socket.TCP_KEEPINTVL, 5), (socket.TCP_KEEPCNT, 3)):
        connection.setsockopt(socket.IPPROTO_TCP, option, value)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    print("taken", flush=True)
    heard = time.monotonic()
    with contextlib.suppress(OSError):
        while connection.recv(65536):
            heard = time.monotonic()
    connection.close()
    print(f"freed after {time.monotonic() - heard:.1f} s", flush=True)
