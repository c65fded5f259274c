"""Whoever the control server lets in no longer loses at once what he had running, not only what he would begin."""
import contextlib
import os
import signal

from site_lab import ipv4, until
from test_9_limits import close_quickly, fresh, page, peer_pid
from world import expect, long_test

AT_ONCE = 5  # seconds, of which headscale may take some to tell us


@contextlib.contextmanager
def running_transfer(world):
    """A download that would go on for minutes; yields what waits until it is cut."""
    entry = fresh(world)
    transfer = world.lab.start("support", "curl", "-sk", "--limit-rate", "200k", "-o", "/dev/null", f"https://{ipv4(entry)}/firmware.bin")

    def flows():
        return world.agent.opened("mfp")["flows"]

    def is_cut(why):
        until(f"the transfer is cut ({why})", lambda: flows() == 0, AT_ONCE)
        last = [record for record in world.agent.audit() if record["event"] == "flow"][-1]
        expect(last["service"] == "web" and last["bytes_to_engineer"] > 0, f"the flow's end is recorded as {last}")

    try:
        until("the transfer runs", lambda: flows() > 0, 5)
        yield is_cut
    finally:
        transfer.kill()
        transfer.wait(5)


def engineers_node(lab):
    return next(str(node["id"]) for node in lab.nodes().values() if node["given_name"].startswith("engineer"))


@long_test("the control server's policy narrowed, the engineer's key expired, his node deleted: each cuts a running transfer at once")
def cut_off(world):
    lab = world.lab
    policy = os.path.join(lab.tailnet_state, "policy.json")
    was = open(policy).read()

    def rules(text):
        with open(policy, "w") as file:
            file.write(text)
        os.kill(peer_pid(world, "headscale"), signal.SIGHUP)

    with running_transfer(world) as is_cut:
        try:
            rules(was.replace("tag:device:*", "tag:device:9100"))
            is_cut("the policy lets him reach port 9100 only")
            expect(world.agent.opened("mfp"), "the session ended with it")
        finally:
            rules(was)
        until("he is served again under the old policy", lambda: "LAB C4500" in page(world, world.agent.opened("mfp"), 2).stdout, 20)
    for what in (["expire"], ["delete", "--force"]):
        with running_transfer(world) as is_cut:
            lab.tailnet("hs", "nodes", *what, "--identifier", engineers_node(lab))
            is_cut(f"headscale nodes {what[0]}")
        world.forget_engineer()
    expect("LAB C4500" in page(world, fresh(world)).stdout, "a new client of the engineer is not served")
    close_quickly(world)
