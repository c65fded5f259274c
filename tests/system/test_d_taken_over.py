"""A genuine tunnel, sandboxed by itself and at work, in the hands of an attacker (taken_over.py): what it cannot do with them."""
import os
import socket

from site_lab import until
from taken_over import INJECT, TakenOver
from world import expect, test


@test("a tunnel that was taken over cannot make a socket: the call kills it, and the record says by which signal")
def no_socket(world):
    if not os.path.exists(INJECT):
        print("     SKIPPED: quoin-inject is built for x86_64 only", flush=True)
        return
    world.agent.close()
    world.agent.open("mfp")
    pid = world.agent.children()[0]
    with TakenOver(pid) as child:
        expect(child.call("getpid") == pid, "the call is not the child's own")  # or what follows would show nothing
        expect(child.killed_by("socket", socket.AF_INET, socket.SOCK_STREAM, 0) == "SIGSYS", "it made a socket")
    until("the session ends", lambda: world.agent.opened("mfp") is None, 2)
    closed = [record for record in world.agent.audit() if record["event"] == "closed"][-1]
    expect("signal 31" in closed["why"], f"the record says: {closed}")
