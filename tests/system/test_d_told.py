"""The servers and the printer that do what a test tells them: each is shown to be one, and what it does changes nothing it must not."""
import concurrent.futures
import contextlib
import os
import socket

from own_agent import OwnAgent
from hostile_relay import HostileRelay
from site_lab import ipv4, until
from test_2_boundaries import page
from told_control import ToldControl, peer, relays
from told_printer import ToldPrinter, in_network_of, reset, until_line
from world import expect, long_test

RUBBISH = 40  # bytes of a datagram


@contextlib.contextmanager
def in_place_of_derper(world):
    world.agent.close()
    world.lab.tailnet("kill", "derper")
    try:
        with HostileRelay(world.lab) as relay:
            yield relay
    finally:
        world.lab.tailnet("start", "derper")
        world.forget_engineer()


@long_test("rubbish from strangers over the home relay, 200 datagrams a second, ends nothing: the page comes meanwhile and afterwards")
def rubbish_over_a_relay(world):
    with in_place_of_derper(world) as relay:
        entry = world.opened()
        relay.await_client(entry["node_key"])
        until("the page comes over this relay", lambda: "LAB C4500" in page(world, ipv4(entry)).stdout, 20)
        sent = relay.send(entry["node_key"], os.urandom(RUBBISH), times=1000, per_second=200)
        expect(sent == 1000, f"the tunnel left its relay after {sent} datagrams")
        expect("LAB C4500" in page(world, ipv4(entry)).stdout, "the page does not come")
        expect(world.agent.opened("mfp")["state"] == "open", f"the session: {world.agent.opened('mfp')}")
        world.agent.close()


@long_test("rubbish in the engineer's own name over their relay, 12,000 datagrams a second for ten seconds, ends nothing: the page comes meanwhile and afterwards")
def rubbish_in_the_engineers_name(world):
    with in_place_of_derper(world) as relay:
        entry = world.opened()
        relay.await_client(entry["node_key"])
        until("the page comes over this relay", lambda: "LAB C4500" in page(world, ipv4(entry)).stdout, 20)
        alice = next(key for key, node in world.lab.nodes().items() if node["given_name"].startswith("engineer"))
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            flood = pool.submit(relay.send, entry["node_key"], os.urandom(RUBBISH), source=alice, times=120_000, per_second=12_000)
            meanwhile = page(world, ipv4(entry), 10)
            expect("LAB C4500" in meanwhile.stdout, f"the page does not come meanwhile: {meanwhile.stderr}")
            sent = flood.result()
        expect(sent == 120_000, f"the tunnel left its relay after {sent} datagrams")
        expect("LAB C4500" in page(world, ipv4(entry)).stdout, "the page does not come afterwards")
        expect(world.agent.opened("mfp")["state"] == "open", f"the session: {world.agent.opened('mfp')}")
        world.agent.close()


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


@long_test("what a printer says reaches the engineer as it says it: a greeting, a reset, a datagram")
def told(world):
    lab = world.lab
    world.engineer()
    world.agent.close()
    entry = world.agent.open("laser", "30m", "--services", "ftp,snmp")
    with ToldPrinter(lab, "laser", 21) as printer:
        engineer = in_network_of(lab, "support", lambda: socket.create_connection((ipv4(entry), 21), 10))
        line = printer.accept()
        line.sendall(b"220 told\r\n")
        expect(until_line(engineer, b"220") == b"220 told\r\n", "another greeting")
        engineer.sendall(b"USER x\r\n")
        expect(until_line(line, b"USER") == b"USER x\r\n", "another line")
        reset(line)
        try:
            expect(False, f"no reset came, but {engineer.recv(100)}")
        except ConnectionResetError:
            engineer.close()
    with ToldPrinter(lab, "laser", 161, udp=True) as printer:
        engineer = in_network_of(lab, "support", lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        engineer.settimeout(10)
        engineer.sendto(b"ask", (ipv4(entry), 161))
        asked, sender = printer.socket.recvfrom(2048)
        printer.socket.sendto(b"wrong", sender)
        expect((asked, engineer.recv(2048)) == (b"ask", b"wrong"), f"it was asked {asked}")
        engineer.close()
