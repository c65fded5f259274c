#!/usr/bin/env python3
"""Carries TCP connections through a SOCKS5 proxy (RFC 1928), so that a program that knows no proxy can use one.

usage: socks_forward.py PROXY-PORT LISTEN-ADDRESS TARGET-ADDRESS PORT...

Whoever connects to LISTEN-ADDRESS:PORT talks to TARGET-ADDRESS:PORT. Half-closes go through; what the proxy refuses is reset.
"""
import asyncio
import ipaddress
import socket
import struct
import sys


async def through_proxy(proxy, target, port):
    reader, writer = await asyncio.open_connection("127.0.0.1", proxy)
    writer.write(b"\x05\x01\x00")
    if await reader.readexactly(2) != b"\x05\x00":
        raise ConnectionError("the proxy wants a login")
    address = ipaddress.ip_address(target)
    writer.write(b"\x05\x01\x00" + (b"\x01" if address.version == 4 else b"\x04") + address.packed + struct.pack(">H", port))
    _, code, _, kind = await reader.readexactly(4)
    await reader.readexactly((4 if kind == 1 else 16) + 2)
    if code != 0:
        raise ConnectionError(f"the proxy answers {code}")
    return reader, writer


async def copy(reader, writer):
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()
    writer.write_eof()


async def carry(proxy, target, port, reader, writer):
    other = None
    try:
        far_reader, other = await through_proxy(proxy, target, port)
        await asyncio.gather(copy(reader, other), copy(far_reader, writer))
    except (OSError, asyncio.IncompleteReadError):
        if not writer.is_closing():
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    finally:
        writer.close()
        if other:
            other.close()


async def main(proxy, listen, target, *ports):
    for port in map(int, ports):
        await asyncio.start_server(lambda r, w, port=port: carry(int(proxy), target, port, r, w), listen, port)
    print("ready", flush=True)
    await asyncio.Event().wait()


asyncio.run(main(*sys.argv[1:]))
