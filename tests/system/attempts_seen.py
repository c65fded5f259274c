#!/usr/bin/env python3
"""Counts what one host sends another to begin something, until its standard input ends, and prints the counts as JSON.

usage: attempts_seen.py INTERFACE SOURCE

A connection is a SYN of a source port, sent again or not; a UDP flow is its source port; an echo request is each of them.
"""
import json
import select
import socket
import struct
import sys

PACKET_OUTGOING = 4
SO_RCVBUFFORCE = 33


def main(interface, source):
    seen = {"tcp": {}, "udp": {}}  # the source ports, by port
    echoes = 0
    wanted = socket.inet_aton(source)
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x0800)) as wire:
        wire.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 32 << 20)
        wire.bind((interface, 0))
        print("ready", flush=True)
        while True:
            readable = select.select([wire, sys.stdin], [], [])[0]
            if wire not in readable:
                break
            frame, (_, _, kind, _, _) = wire.recvfrom(65535)
            packet = frame[14:]
            if kind == PACKET_OUTGOING or packet[12:16] != wanted:
                continue
            body = packet[(packet[0] & 15) * 4:]
            if packet[9] == 1 and body[0] == 8:
                echoes += 1
            elif packet[9] in (6, 17):
                source_port, port = struct.unpack(">HH", body[:4])
                if packet[9] == 17 or body[13] & 0x12 == 0x02:
                    seen["udp" if packet[9] == 17 else "tcp"].setdefault(port, set()).add(source_port)
    counts = {f"{transport} {port}": len(ports) for transport, of in seen.items() for port, ports in of.items()}
    print(json.dumps(counts | ({"icmp 0": echoes} if echoes else {})))


main(*sys.argv[1:])
