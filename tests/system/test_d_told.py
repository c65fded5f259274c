"""The servers and the printer that do what a test tells them: each is shown to be one, and what it does changes nothing it must not."""
import os

from own_agent import OwnAgent
from site_lab import until
from told_control import ToldControl, peer, relays
from world import long_test


@long_test("a peer that the control server adds under another login is refused and recorded; one under the engineer's is admitted")
def added_peers(world):
    world.agent.close()
    with ToldControl(world.lab) as control:
        agent = OwnAgent(world.lab, "added", control.edit)
        agent.key("any")
        with agent.start():
            agent.open("mfp")
            control.send(relays({900: [("derp.lab", "203.0.113.10")], 901: [("relay.example.com", "203.0.113.11")]}))
            for number, login in ((7, "mallory@example.com"), (8, "alice@example.com")):
                key = "nodekey:" + os.urandom(32).hex()
                control.send(peer(number, key, login, f"100.64.0.{number}", endpoints=["192.168.77.50:41641", "203.0.113.20:41641"]))
                event = "engineer_refused" if number == 7 else "engineer_admitted"
                until(f"{event} is recorded of {login}", lambda event=event, login=login: [
                    record for record in agent.audit() if record["event"] == event and login in str(record)], 10)
            agent.close()
