"""A DERP relay that also sends what a test tells it to: datagrams of any content, from any key, at any rate.

    lab.tailnet("kill", "derper")                                  # whose name, port and certificate it takes
    with HostileRelay(lab) as relay:
        relay.await_client(entry["node_key"])
        relay.send(entry["node_key"], os.urandom(40), times=12_000, per_second=12_000)   # from a new key each; or source=KEY
        relay.tell("gone", entry["node_key"], source=KEY)          # that this peer has left

Between its clients it is honest, and it answers STUN, so that nodes choose it as their home as they would derper. Run as a program
(usage: hostile_relay.py ADDRESS PORT STUN-PORT CERTIFICATE KEY) it says "ready", then "in KEY" and "out KEY" as clients come and go,
and takes from its standard input lines "send TO SOURCE|any HEX TIMES PER-SECOND" and "gone TO SOURCE", each answered with "done N".
(Tailscale, derp/derp.go, protocol version 2.)
"""
import ctypes
import ctypes.util
import json
import os
import selectors
import socket
import ssl
import struct
import subprocess
import sys
import time

SERVER_KEY, CLIENT_INFO, SERVER_INFO, SEND_PACKET, RECV_PACKET, KEEP_ALIVE, PEER_GONE, PING, PONG = 1, 2, 3, 4, 5, 6, 8, 0x12, 0x13
MAGIC = "DERP🔑".encode()
NONCE, KEY, TAG = 24, 32, 16
WAITING_MAX = 1 << 20  # bytes for one client; what is beyond is dropped, as relays do
KEEP_ALIVE_SECONDS = 60


class HostileRelay:
    def __init__(self, lab, name="derp.lab", address="203.0.113.10", port=443, stun_port=3478):
        self.lab = lab
        certificate = os.path.join(lab.tailnet_state, "cert", name)
        self.words = [sys.executable, os.path.abspath(__file__), address, port, stun_port, f"{certificate}.crt", f"{certificate}.key"]
        self.clients = set()

    def __enter__(self):
        self.program = self.lab.start("cloud", *self.words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self._read_until("ready")
        return self

    def __exit__(self, *_):
        self.program.kill()
        self.program.communicate()

    def await_client(self, key):
        key = key.removeprefix("nodekey:")
        while key not in self.clients:
            self._read_until("in")

    def send(self, to, data, source="any", times=1, per_second=1_000_000):
        """How many were put on the way; comes back when all are."""
        return self.tell("send", to, source, data.hex(), times, per_second)

    def tell(self, what, to, source, *more):
        keys = [key.removeprefix("nodekey:") for key in (to, source)]
        self.program.stdin.write(" ".join(map(str, [what, *keys, *more])) + "\n")
        self.program.stdin.flush()
        return int(self._read_until("done"))

    def _read_until(self, word):
        from site_lab import Failure
        while line := self.program.stdout.readline():
            said, _, rest = line.strip().partition(" ")
            if said == "in":
                self.clients.add(rest)
            elif said == "out":
                self.clients.discard(rest)
            if said == word:
                return rest
        raise Failure(f"the relay ended with {self.program.wait()}")


class Boxes:
    """crypto_box of libsodium, with the relay's own key."""

    def __init__(self):
        self.sodium = ctypes.CDLL(ctypes.util.find_library("sodium") or "libsodium.so.23")
        public, private = ctypes.create_string_buffer(KEY), ctypes.create_string_buffer(KEY)
        self.sodium.crypto_box_keypair(public, private)
        self.public, self.private = public.raw, private.raw

    def seal(self, text, to):
        nonce, box = os.urandom(NONCE), ctypes.create_string_buffer(len(text) + TAG)
        self.sodium.crypto_box_easy(box, text, ctypes.c_ulonglong(len(text)), nonce, to, self.private)
        return nonce + box.raw

    def opens(self, sealed, sender):
        text = ctypes.create_string_buffer(max(len(sealed) - NONCE - TAG, 1))
        return self.sodium.crypto_box_open_easy(text, sealed[NONCE:], ctypes.c_ulonglong(len(sealed) - NONCE), sealed[:NONCE], sender, self.private) == 0


def frame(kind, *parts):
    return struct.pack("!BI", kind, sum(map(len, parts))) + b"".join(parts)


class Client:
    def __init__(self, connection):
        self.connection = connection  # TLS, which does not block
        self.key = None
        self.state = "handshake"  # then "request", "login" and "relayed"
        self.received = b""
        self.waiting = bytearray()


class Relay:
    def __init__(self, address, port, stun_port, certificate, key):
        self.boxes = Boxes()
        self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.tls.load_cert_chain(certificate, key)
        self.selector = selectors.DefaultSelector()
        self.listener = socket.create_server((address, int(port)), backlog=64)
        self.listener.setblocking(False)
        self.stun = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.stun.bind((address, int(stun_port)))
        self.clients = {}  # key -> Client
        self.flood = None  # client, blob of one or maker of one, left, per second, begun, sent
        self.orders = b""
        for source, then in ((self.listener, self.accept), (self.stun, self.answer_stun), (sys.stdin, self.take_orders)):
            self.selector.register(source, selectors.EVENT_READ, then)

    def run(self):
        print("ready", flush=True)
        keep_alive_at = time.monotonic() + KEEP_ALIVE_SECONDS
        while True:
            for key, _ in self.selector.select(0.002 if self.flood else 1):
                key.data()
            self.go_on_flooding()
            if time.monotonic() > keep_alive_at:
                keep_alive_at += KEEP_ALIVE_SECONDS
                for client in list(self.clients.values()):
                    self.put(client, frame(KEEP_ALIVE))

    def accept(self):
        connection, _ = self.listener.accept()
        connection.setblocking(False)
        client = Client(self.tls.wrap_socket(connection, server_side=True, do_handshake_on_connect=False))
        self.selector.register(client.connection, selectors.EVENT_READ, lambda: self.serve(client))

    def answer_stun(self):
        request, (host, port) = self.stun.recvfrom(2048)
        if len(request) >= 20 and request[:2] == b"\0\1":  # RFC 8489: a binding request, answered with XOR-MAPPED-ADDRESS
            mapped = bytes(a ^ b for a, b in zip(socket.inet_aton(host), request[4:8]))
            self.stun.sendto(b"\1\1" + struct.pack("!H", 12) + request[4:20] + struct.pack("!HHBBH", 0x20, 8, 0, 1, port ^ 0x2112) + mapped, (host, port))

    def serve(self, client):
        try:
            if client.state == "handshake":
                client.connection.do_handshake()
                client.state = "request"
            while data := client.connection.recv(65536):
                client.received += data
                self.read(client)
            self.forget(client)
        except ssl.SSLWantReadError:
            self.push(client)
        except ssl.SSLWantWriteError:
            self.listen_for(client, selectors.EVENT_READ | selectors.EVENT_WRITE)
        except (OSError, ValueError):
            self.forget(client)

    def read(self, client):
        if client.state == "request" and b"\r\n\r\n" in client.received:
            request, _, client.received = client.received.partition(b"\r\n\r\n")
            if b"\r\nupgrade: derp" not in request.lower():  # a client that measures how far away it is
                self.put(client, b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
                return
            self.put(client, b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: DERP\r\nConnection: Upgrade\r\n\r\n" + frame(SERVER_KEY, MAGIC, self.boxes.public))
            client.state = "login"
        while client.state in ("login", "relayed") and len(client.received) >= 5:
            kind, length = struct.unpack("!BI", client.received[:5])
            if len(client.received) < 5 + length:
                return
            payload, client.received = client.received[5:5 + length], client.received[5 + length:]
            self.handle(client, kind, payload)

    def handle(self, client, kind, payload):
        if kind == CLIENT_INFO:
            client.key = payload[:KEY]
            if not self.boxes.opens(payload[KEY:], client.key):
                raise ValueError("not the client's own key")
            if client.key in self.clients:
                self.forget(self.clients[client.key])
            self.clients[client.key] = client
            client.state = "relayed"
            self.put(client, frame(SERVER_INFO, self.boxes.seal(json.dumps({"version": 2}).encode(), client.key)))
            print("in", client.key.hex(), flush=True)
        elif kind == SEND_PACKET and client.state == "relayed":
            if to := self.clients.get(payload[:KEY]):
                self.put(to, frame(RECV_PACKET, client.key, payload[KEY:]))
            else:
                self.put(client, frame(PEER_GONE, payload[:KEY], b"\1"))
        elif kind == PING:
            self.put(client, frame(PONG, payload))

    def take_orders(self):
        data = os.read(0, 1 << 20)
        if not data:
            sys.exit(0)
        *lines, self.orders = (self.orders + data).split(b"\n")
        for line in lines:
            what, to, source, *more = line.decode().split()
            client = self.clients.get(bytes.fromhex(to))
            if client and what == "send":
                self.flood = [client, None if source == "any" else bytes.fromhex(source), bytes.fromhex(more[0]), int(more[1]), int(more[2]), time.monotonic(), 0]
                continue
            if client:
                self.put(client, frame(PEER_GONE, bytes.fromhex(source), b"\0"))
            print("done", 1 if client else 0, flush=True)

    def go_on_flooding(self):
        if not self.flood:
            return
        client, source, data, times, per_second, begun, sent = self.flood
        due = min(times, int((time.monotonic() - begun) * per_second) + 1)
        room = max(0, (WAITING_MAX - len(client.waiting)) // (len(data) + KEY + 5))
        count = min(due - sent, room)
        self.put(client, b"".join(frame(RECV_PACKET, source or os.urandom(KEY), data) for _ in range(count)))
        self.flood[-1] = sent + count
        is_gone = self.clients.get(client.key) is not client
        if sent + count >= times or is_gone:
            self.flood = None
            print("done", sent + count, flush=True)

    def put(self, client, data):
        if len(client.waiting) + len(data) <= WAITING_MAX + 65536:
            client.waiting += data
        self.push(client)

    def push(self, client):
        try:
            while client.waiting:
                sent = client.connection.send(client.waiting[:16384])
                del client.waiting[:sent]
            self.listen_for(client, selectors.EVENT_READ)
        except (ssl.SSLWantWriteError, ssl.SSLWantReadError):
            self.listen_for(client, selectors.EVENT_READ | selectors.EVENT_WRITE)
        except OSError:
            self.forget(client)

    def listen_for(self, client, events):
        if client.connection.fileno() >= 0:
            self.selector.modify(client.connection, events, lambda: self.serve(client))

    def forget(self, client):
        if client.connection.fileno() >= 0:
            self.selector.unregister(client.connection)
            client.connection.close()
        if client.key and self.clients.get(client.key) is client:
            del self.clients[client.key]
            print("out", client.key.hex(), flush=True)


if __name__ == "__main__":
    Relay(*sys.argv[1:]).run()
