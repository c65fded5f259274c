"""An engineer with the ordinary Tailscale client reaches one printer, over the relay and directly."""
import concurrent.futures
import os
import re

from site_lab import ipv4, ipv6, sha256, until
from world import expect, test

MIB = "1.3.6.1"


def page(world, url, *more):
    return world.lab.run("support", "curl", "-sS", "-k", "-m", "30", *more, url, binary=True)


def path_kind(world, device):
    entry = world.agent.opened(device)
    return entry["paths"][0]["path"] if entry and entry["paths"] else "none"


@test("open prints the name and the addresses that the control server gave")
def open_prints(world):
    world.engineer()
    answer = world.agent.ok("open", "mfp", "--for", "30m", "--reason", "paper jam, ticket 4711")
    entry = world.agent.opened("mfp")
    node = world.lab.nodes().get(entry["node_key"])
    expect(node is not None, f"headscale does not know {entry['node_key']}")
    for text in [entry["name"], *entry["addresses"]]:
        expect(text in answer.out, f"open did not print {text}: {answer.out}")
    expect(sorted(node["ip_addresses"]) == sorted(entry["addresses"]), f"headscale gave {node['ip_addresses']}")
    expect("tag:device" in str(node.get("tags") or node.get("forced_tags") or node.get("valid_tags") or node), f"not tagged: {node}")


@test("ping goes through to the printer")
def ping(world):
    entry = world.opened()
    for address in (ipv4(entry), ipv6(entry)):
        out = world.lab.run("support", "ping", "-c", "3", "-i", "0.2", "-W", "5", address)
        expect(" 3 received" in out.stdout, f"ping {address}: {out.stdout}{out.stderr}")


@test("tailscale ping answers over the relay and then directly")
def tailscale_ping(world):
    world.agent.close()
    entry = world.agent.open("mfp")
    # The device before it had this address, too, and a client that has not heard of the new one asks that.
    until("the engineer's client knows the device", lambda: entry["node_key"] in world.lab.ts("status", "--json"), 20)
    out = world.lab.ts("ping", "--c", "10", "--timeout", "5s", ipv4(entry))
    expect("via DERP(lab)" in out, f"no answer over the relay first: {out}")
    expect(re.search(r"via 203\.0\.113\.\d+:\d+", out), f"never direct: {out}")


@test("tailscale ping answers in its tsmp and icmp forms too")
def tailscale_ping_forms(world):
    entry = world.opened()
    for form in ("--tsmp", "--icmp"):
        out = world.lab.ts("ping", form, "--c", "2", ipv4(entry))
        expect("pong from" in out, f"{form}: {out}")


def fetch_page(world):
    entry = world.opened()
    on_lan = world.lab.run("files", "curl", "-sk", "https://192.168.77.21/", binary=True).stdout
    expect(b"LAB C4500" in on_lan, "the lab's printer has no page")
    got = page(world, f"https://{ipv4(entry)}/")
    expect(got.returncode == 0 and got.stdout == on_lan, f"https: {got.stderr} {got.stdout[:200]}")
    got = page(world, f"http://{ipv4(entry)}/", "-i")
    expect(b"302" in got.stdout.split(b"\r\n")[0] or b"301" in got.stdout.split(b"\r\n")[0], f"http: {got.stderr} {got.stdout[:200]}")
    expect(b"https://192.168.77.21/" in got.stdout, "the redirect is not the printer's own")


def walk(world):
    entry = world.opened()
    words = ["snmpbulkwalk", "-v2c", "-c", "public", "-On", "-t", "5", "-r", "2"]
    on_lan = world.lab.run("files", *words, "192.168.77.21", MIB).stdout
    through = world.lab.run("support", *words, ipv4(entry), MIB)
    expect(len(on_lan.splitlines()) > 200, f"the walk on the LAN is short: {on_lan[:300]}")
    still = [re.sub(r"Timeticks: .*", "Timeticks", text) for text in (on_lan, through.stdout)]
    expect(still[0] == still[1], f"the walks differ: {len(on_lan.splitlines())} and {len(through.stdout.splitlines())} lines; {through.stderr}")


def upload(world, megabytes=20):
    entry = world.opened()
    data = os.urandom(megabytes << 20)
    for old in world.lab.printer_lab("jobs", "mfp").splitlines():
        if old.endswith("raw.prn"):
            open(os.path.join(world.lab.state, "mfp", "raw.prn"), "wb").close()
    sent = world.lab.run("support", "socat", "-u", "-", f"TCP:{ipv4(entry)}:9100", input=data, timeout=120, binary=True)
    expect(sent.returncode == 0, f"raw 9100: {sent.stderr}")
    until("the whole job arrived with its SHA-256",
          lambda: f"{len(data)} {sha256(data)}" in world.lab.printer_lab("jobs", "mfp"), 20)


def download(world, megabytes=20):
    entry = world.opened()
    data = os.urandom(megabytes << 20)
    with open(os.path.join(world.lab.state, "mfp", "www", "large.bin"), "wb") as file:
        file.write(data)
    got = page(world, f"https://{ipv4(entry)}/large.bin", "-m", "120")
    expect(got.returncode == 0, f"curl: {got.stderr}")
    expect(sha256(got.stdout) == sha256(data), f"{len(got.stdout)} bytes came, or others than were there")


def fifty_at_once(world):
    entry = world.opened()
    with concurrent.futures.ThreadPoolExecutor(50) as pool:
        results = list(pool.map(lambda _: page(world, f"https://{ipv4(entry)}/"), range(50)))
    wrong = [r for r in results if r.returncode != 0 or b"LAB C4500" not in r.stdout]
    expect(not wrong, f"{len(wrong)} of 50 failed: {wrong[0].stderr if wrong else ''}")


EVERYTHING = [fetch_page, walk, upload, download, fifty_at_once]


@test("over the direct path: page, walk, 20 MB each way, 50 requests at once; the relay carries none of it")
def all_direct(world):
    entry = world.opened()
    world.lab.ts("ping", "--c", "10", ipv4(entry))
    until("the path is direct", lambda: path_kind(world, "mfp") == "direct", 10)
    relay, router = world.lab.derper_bytes(), world.lab.router_udp_bytes()
    for step in EVERYTHING:
        step(world)
    relay, router = world.lab.derper_bytes() - relay, world.lab.router_udp_bytes() - router
    expect(router > 40 << 20, f"the router saw {router} bytes of UDP")
    expect(relay < 1 << 20, f"the relay forwarded {relay} bytes")


@test("over the relay alone: the same; the router lets no UDP out")
def all_relay(world):
    world.opened()
    world.lab.printer_lab("egress", "no-udp")
    try:
        until("the path is the relay", lambda: path_kind(world, "mfp") == "relay", 20)
        relay, router = world.lab.derper_bytes(), world.lab.router_udp_bytes()
        for step in EVERYTHING:
            step(world)
        relay, router = world.lab.derper_bytes() - relay, world.lab.router_udp_bytes() - router
        expect(relay > 40 << 20, f"the relay forwarded {relay} bytes")
    finally:
        world.lab.printer_lab("egress", "open")


@test("two devices are open at once, each a node of its own, each reaching its own printer")
def two_devices(world):
    first = world.opened("mfp")
    second = world.opened("inkjet")
    expect(first["node_key"] != second["node_key"], "one key for two devices")
    expect(not set(first["addresses"]) & set(second["addresses"]), "one address for two devices")
    for entry, text in ((first, b"LAB C4500"), (second, b"EPSON LAB-5900")):
        got = page(world, f"https://{ipv4(entry)}/")
        expect(text in got.stdout, f"{entry['device']}: {got.stderr} {got.stdout[:200]}")
    world.agent.close("inkjet")
    expect(world.agent.opened("mfp") and not world.agent.opened("inkjet"), "closing one device changed the other")


@test("a port that the warrant does not name answers with a reset, one that the printer refuses too")
def other_ports(world):
    world.agent.close()
    world.engineer()
    entry = world.agent.open("mfp", "30m", "--services", "web")
    page(world, f"https://{ipv4(entry)}/")
    got = world.lab.run("support", "curl", "-sS", "-m", "5", f"http://{ipv4(entry)}:631/")
    expect("refused" in got.stderr.lower() or "couldn't connect" in got.stderr.lower(), f"631 is not of the warrant: {got.stderr}{got.stdout[:100]}")
    ping = world.lab.run("support", "ping", "-c", "1", "-W", "2", ipv4(entry))
    expect(" 0 received" in ping.stdout, "ping is not of the warrant, and was answered")
    world.agent.close()
    entry = world.agent.open("mfp", "30m", "--services", "all")
    got = world.lab.run("support", "curl", "-sS", "-m", "5", f"http://{ipv4(entry)}:8080/")
    expect("refused" in got.stderr.lower() or "couldn't connect" in got.stderr.lower(), f"8080: {got.stderr}{got.stdout[:100]}")
    world.agent.close()
