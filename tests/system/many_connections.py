#!/usr/bin/env python3
"""Opens connections, holds all of them open at once, then asks for the page on each. Prints how many pages had the text.

usage: many_connections.py NUMBER ADDRESS PORT TEXT
"""
import asyncio
import sys


async def main(number, address, port, text):
    together = await asyncio.wait_for(asyncio.gather(*(asyncio.open_connection(address, int(port)) for _ in range(int(number)))), 30)

    async def page(reader, writer):
        writer.write(b"GET / HTTP/1.0\r\n\r\n")
        got = await reader.read(-1)
        writer.close()
        return text.encode() in got

    print(sum(await asyncio.wait_for(asyncio.gather(*(page(*streams) for streams in together)), 60)))


asyncio.run(main(*sys.argv[1:]))
