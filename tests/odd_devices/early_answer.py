#!/usr/bin/env python3
"""Answers before it has read the request, and closes with the rest of it unread, so that its kernel sends a reset behind the answer.

usage: early_answer.py PORT STATUS BYTES      e.g. 401 300, as without a password; 413 14000, as for a job that is too large
"""
import socketserver
import sys

port, status, size = map(int, sys.argv[1:])


class Printer(socketserver.BaseRequestHandler):
    def handle(self):
        head = b""
        while b"\r\n\r\n" not in head:
            more = self.request.recv(1024)
            if not more:
                return
            head += more
        answer = f"HTTP/1.1 {status} No\r\nContent-Length: {size}\r\nConnection: close\r\n\r\n".encode()
        self.request.sendall(answer + b"." * (size - len(answer)))


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True

    def shutdown_request(self, request):  # without the orderly end that the library would begin
        self.close_request(request)


with Server(("", port), Printer) as server:
    print("ready", flush=True)
    server.serve_forever()
