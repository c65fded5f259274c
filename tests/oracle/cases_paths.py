"""The kernel as a router, with a narrow link behind it and a server in another namespace.

    [stack] -- oracle0 [this namespace, forwarding] wide -- narrow, mtu less -- [server]
"""
import os
import subprocess
import sys

from kernel_side import STACK, expect, same
from table import add

PORT = 7000
ROUTER = {4: "10.99.0.1", 6: "fd99::1"}
BITS, HOST = {4: 24, 6: 64}, {4: 32, 6: 128}
NODAD = {4: "", 6: "nodad"}
SERVER = {4: "10.99.0.2", 6: "fd99::2"}
# The server's part, in its own namespace: sends and receives SIZE bytes each way and says what it saw.
PROGRAM = """
import os, sys, time
sys.path.insert(0, {folder!r})
from kernel_side import *
print("here", flush=True)
sys.stdin.readline()
listener = kernel_listens({port}, {version}, address={address!r})
print("listens", flush=True)
sock, _ = listener.accept()
sock.settimeout(PATIENCE)
exchange = Exchange(sock, {size}, 1)
exchange.finish()
print("account", exchange.sent_sha, exchange.received, exchange.received_sha, flush=True)
"""


class Far:
    """What the server told of its exchange, in the words of an Exchange."""

    def __init__(self, size, words):
        self.size, self.sent_sha, self.received, self.received_sha = size, words[1], int(words[2]), words[3]


def narrow_path(network, version, path_mtu, stack_mtu, size=400_000):
    network.start(mtu=stack_mtu, kernel_mtu=1500, delay=3, loss=0.3)
    network.sysctl(ipv4__ip_forward=1, ipv6__conf__all__forwarding=1)
    program = PROGRAM.format(folder=os.path.dirname(os.path.abspath(__file__)), port=PORT, version=version,
                             address=SERVER[version], size=size)
    server = subprocess.Popen(["unshare", "-n", sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        expect(server.stdout.readline() == "here\n", "the server's namespace did not come up")
        network.ip(f"link add wide mtu {path_mtu} type veth peer name narrow mtu {path_mtu} netns {server.pid}",
                   "link set wide up", f"addr add {ROUTER[version]}/{BITS[version]} dev wide {NODAD[version]}")
        inside = ["nsenter", "-n", "-t", str(server.pid), "ip", "-batch", "-"]
        done = subprocess.run(inside, text=True, capture_output=True, input="\n".join([
            "link set lo up", "link set narrow up", f"addr add {SERVER[version]}/{BITS[version]} dev narrow {NODAD[version]}",
            f"route add {STACK[version]}/{HOST[version]} via {ROUTER[version]} advmss 9000"]) + "\n")
        expect(done.returncode == 0, f"the server's namespace: {done.stderr}")
        server.stdin.write("\n")
        server.stdin.flush()
        expect(server.stdout.readline() == "listens\n", "the server does not listen")
        flow = network.connect(PORT, f"send={size}", version, address=SERVER[version])
        account = network.end(flow)
        far = Far(size, server.stdout.readline().split())
        same(far, account, size)
        expect(network.statistics()["icmp_errors_in"] > 0, "no router said that the path is narrow: the case shows nothing")
    finally:
        server.kill()


# The server's MSS would say how narrow its link is, and no router would have to: hence advmss on its routes.
for version, path_mtu, stack_mtu in ((4, 1000, 1280), (4, 600, 1280), (6, 1280, 1500), (4, 1300, 9000)):
    add(f"a narrow link behind a router (MTU {path_mtu}, the stack's is {stack_mtu}): byte-exact both ways, IPv{version}",
        lambda network, v=version, p=path_mtu, s=stack_mtu: narrow_path(network, v, p, s), short=path_mtu == 1000)
