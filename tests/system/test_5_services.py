"""What a person at the agent can do while a device is open: a later end."""
import time

from own_agent import says
from world import expect, test

WRONG_USAGE, REFUSED = 2, 3


@test("extend gives an open device so much longer from now, and its tunnel outlives its first deadline")
def extend(world):
    world.agent.close()
    before = world.agent.open("mfp", "20s")
    opened = time.monotonic()
    world.agent.ok("extend", "mfp", "--for", "10m")
    after = world.agent.opened("mfp")
    expect(after["until"] > before["until"] and 590 < after["seconds_left"] <= 600, f"not extended: {after}")
    record = [r for r in world.agent.audit() if r["event"] == "extended"][-1]
    expect((record["device"], record["by"], record["until"], record["until_before"]) == ("mfp", "root", after["until"], before["until"]),
           f"recorded as {record}")
    says(world.agent.command("extend", "mfp", "--for", "5m"), REFUSED, "never shortens", "close it")
    says(world.agent.command("extend", "mfp", "--for", "5h"), REFUSED, "at most")
    says(world.agent.command("extend", "laser", "--for", "5m"), REFUSED, "laser is not open")
    says(world.agent.command("extend", "nosuch", "--for", "5m"), WRONG_USAGE, "nosuch")
    time.sleep(max(0.0, 22 - (time.monotonic() - opened)))
    still = world.agent.opened("mfp")
    expect(still and still["state"] == "open" and still["node_key"] == before["node_key"], f"not open beyond its first end: {still}")
    expect(len(world.agent.children()) == 1, "its tunnel ended at its first deadline")
    world.agent.close()
