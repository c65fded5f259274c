"""The site's uplink loses UDP packets over 1300 bytes without a word, as one over PPPoE or a VPN does where ICMP is filtered.

Small packets pass, so the direct way looks well, and stock clients trust it with everything.
"""
import contextlib
import time

import test_1_first_page as first
import test_6_matrix as matrix
from site_lab import ipv4, until
from world import expect, long_test, test

SAYS = "the direct way loses large packets"
BOTH, OUT, IN = ("lan0", "wan0"), ("lan0",), ("wan0",)  # where what is lost comes from


@contextlib.contextmanager
def narrow(lab, interfaces=BOTH):
    """A router whose uplink is narrow, until the caller says otherwise or is done."""
    rules = "\n".join(f"iifname {name} meta l4proto udp meta length > 1300 counter drop" for name in interfaces)
    lab.run("gw", "nft", "-f", "-", input=f"table inet narrow {{\nchain forward {{\ntype filter hook forward priority -5\n{rules}\n}}\n}}\n".encode(), check=True)

    def widen():
        lab.run("gw", "nft", "delete table inet narrow")

    try:
        yield widen
    finally:
        widen()


def opened_anew(world, client=None):
    world.engineer("tun", client)
    world.agent.close()
    return matrix.Seat(world.lab, {"mfp": ipv4(world.agent.open("mfp"))})


def timed(name, step, *more):
    began = time.monotonic()
    step(*more)
    return f"{name} {time.monotonic() - began:.1f} s"


def page(world, seat):
    got = first.page(world, f"https://{seat.reach['mfp']}/")
    expect(b"LAB C4500" in got.stdout, f"no page: {got.stderr}")


def status_says_so(world):
    return SAYS in world.agent.ok("status").out


def is_direct(world, seat):
    """As both see it."""
    return "via 203." in world.lab.ts("ping", "--c", "1", "--timeout", "1s", seat.reach["mfp"]) and first.path_kind(world, "mfp") == "direct"


@test("an uplink that silently loses UDP over 1300 bytes: page and 1 MB each way come by the relay at once, and status says why")
def at_once(world):
    seat = opened_anew(world)
    with narrow(world.lab):
        print("     " + ", ".join([timed("page", page, world, seat), timed("up", matrix.raw, seat, 1), timed("down", matrix.download, seat, 1),
                                   timed("status", until, "status says why", lambda: status_says_so(world), 10)]), flush=True)


def through(world, version, client, interfaces):
    """All that passes under the rule, and after it."""
    seat = opened_anew(world, client)
    with narrow(world.lab, interfaces) as widen:
        steps = [timed("page", page, world, seat)]
        if "lan0" not in interfaces:  # what the agent sends passes, and so the direct way is taken
            steps.append(timed("direct", until, "the path is direct", lambda: is_direct(world, seat), 15))
        steps += [timed("up", matrix.raw, seat, 1), timed("down", matrix.download, seat, 1), timed("page", page, world, seat)]
        steps.append(timed("status", until, "status says why", lambda: status_says_so(world), 10))
        steps.append(timed("up", matrix.raw, seat, 1))
        if "lan0" in interfaces:
            widen()
            steps.append(timed("direct after", until, "the path is direct", lambda: is_direct(world, seat), 30))
            expect(not status_says_so(world), f"status: {world.agent.ok('status').out}")
            steps += [timed("up", matrix.raw, seat, 1), timed("down", matrix.download, seat, 1)]
    print(f"     {version}: " + ", ".join(steps), flush=True)


@long_test("an uplink that loses large UDP both ways: every client gets page and bulk by the relay, and the direct way when large packets pass again")
def both_ways(world):
    for version, client in matrix.clients().items():
        through(world, version, client, BOTH)


@long_test("an uplink that loses large UDP on the way out: the same")
def way_out(world):
    for version, client in matrix.clients().items():
        through(world, version, client, OUT)


@long_test("an uplink that loses large UDP on the way in: the client sends it directly at first, and after some seconds by the relay")
def way_in(world):
    for version, client in matrix.clients().items():
        through(world, version, client, IN)


@long_test("an uplink that narrows during a transfer: it goes on by the relay")
def in_the_middle(world):
    for version, client in matrix.clients().items():
        seat = opened_anew(world, client)
        steps = [timed("direct", until, "the path is direct", lambda seat=seat: is_direct(world, seat), 15), timed("up", matrix.raw, seat, 1)]
        with narrow(world.lab):
            steps += [timed("up", matrix.raw, seat, 1), timed("down", matrix.download, seat, 1), timed("page", page, world, seat)]
            steps.append(timed("status", until, "status says why", lambda: status_says_so(world), 30))
        print(f"     {version}: " + ", ".join(steps), flush=True)
