"""A control server that lets every node in and sends what a test tells it to (quoin-hostile-control).

    with ToldControl(lab) as control, OwnAgent(lab, "NAME", control.edit) as agent:
        agent.key("any")
        agent.start()
        agent.open("mfp")
        control.send(peer(7, key, "alice@example.com", "100.64.0.7", endpoints=["192.168.77.50:41641"]))   # any map message
        control.send(relays({901: [("files.lan", "203.0.113.11")]}))
        control.again_and_again("crowd")                          # a name of hostile_control/too_much.h, or "nothing"
        control.count("crowd")                                    # how many it has sent
"""
import json
import os
import subprocess

from site_lab import BUILD, CLOUD, until
from test_3_bad_input import replacing

PORT = 8081


def peer(number, key, login, address, endpoints=(), disco_key="", relay=900, name=None):
    """A map message with one more peer, of a user of its own."""
    node = {"ID": number, "StableID": f"n{number}", "Name": f"{name or f'peer{number}'}.test.", "User": number, "Key": key,
            "Addresses": [f"{address}/32"], "AllowedIPs": [f"{address}/32"], "Endpoints": list(endpoints), "HomeDERP": relay, "MachineAuthorized": True}
    if disco_key:
        node["DiscoKey"] = disco_key
    return {"PeersChanged": [node], "UserProfiles": [{"ID": number, "LoginName": login, "DisplayName": login}]}


def relays(regions):
    """A map message with these relays, {region: [(name, address)]}, and no others."""
    return {"DERPMap": {"Regions": {str(region): {"RegionID": region, "RegionCode": f"r{region}", "RegionName": f"r{region}", "Nodes": [
        {"Name": f"{region}{chr(97 + at)}", "RegionID": region, "HostName": host, "IPv4": address} for at, (host, address) in enumerate(nodes)]}
        for region, nodes in regions.items()}}}


class ToldControl:
    def __init__(self, lab, relay=("derp.lab", CLOUD)):
        self.lab, self.relay = lab, relay
        self.log = os.path.join(lab.state, "hostile.log")

    def __enter__(self):
        with open(self.log, "wb") as out:
            self.program = self.lab.start("cloud", os.path.join(BUILD, "bin", "quoin-hostile-control"), PORT, *self.relay, stdin=subprocess.PIPE, stdout=out)
        until("the server prints its key", lambda: "\n" in open(self.log).read(), 10)
        self.key = open(self.log).readline().strip()
        return self

    def __exit__(self, *_):
        self.program.kill()
        self.program.communicate()

    def edit(self, text):
        """An agent's configuration with this server in it."""
        text = replacing("https://203.0.113.10:8443", f"http://{CLOUD}:{PORT}")(text)
        return replacing('ca_file = "lab-ca.pem"', f'server_key = "{self.key}"')(text)

    def send(self, message):
        """To every node whose map stream is open; comes back when it is sent to one at least."""
        before = self.count("send")
        self._tell("send " + json.dumps(message))
        until("the message is sent", lambda: self.count("send") > before, 10)

    def again_and_again(self, name):
        self._tell(name)

    def count(self, name):
        return open(self.log).read().count(f"{name}\n")

    def _tell(self, line):
        self.program.stdin.write(f"{line}\n".encode())
        self.program.stdin.flush()
