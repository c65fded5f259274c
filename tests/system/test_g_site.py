"""What lies between the agent and a device at real sites: several MAC addresses, routers that answer for everybody, name servers
that do not answer, a VPN to a site with the same addresses, printers that care where a connection comes from."""
import concurrent.futures
import contextlib
import os
import subprocess
import time

import test_1_first_page as first
from own_agent import OwnAgent, says, seat, shut
from site_lab import AGENT, BUILD, CLOUD, ipv4, until
from test_3_bad_input import UNREACHABLE, USAGE, replacing
from test_a_networks import Through
from told_names import NameServers
from told_printer import ToldPrinter
from world import expect, long_test, test

AT_A_SEAT = True
MFP, OTHER = "02:da:00:00:4d:15", "02:da:00:00:4d:3c"
DESCRIBED = f'mac = "{MFP}"'


@contextlib.contextmanager
def second_answerer(here, proxies=False):
    """At the seat, another network card answers for mfp's address as well; a router's answers for every address."""
    def there(script):
        here.run("device", "sh", "-ec", script, check=True)

    there(f"""ip link add second link port type macvlan mode bridge; ip link set second address {OTHER}; ip link set second up
        sysctl -qw net.ipv4.conf.port.arp_ignore=1 net.ipv4.conf.second.arp_ignore={0 if proxies else 1}""")
    if proxies:
        there("""ip link add far type veth peer name farther; ip link set far up; ip link set farther up; ip route add 192.168.77.128/25 dev far
            sysctl -qw net.ipv4.conf.second.proxy_arp=1 net.ipv4.conf.second.forwarding=1 net.ipv4.neigh.second.proxy_delay=0""")
    else:
        there("ip addr add 192.168.77.21/32 dev second")
    try:
        yield
    finally:
        there("ip link del second; sysctl -qw net.ipv4.conf.port.arp_ignore=0")
        if proxies:
            there("ip link del far")


def granted(agent, device="mfp"):
    """The record of an opening of which the device was recognised. There is no control server at a seat, so it is closed again."""
    opening = agent.lab.start(agent.seat, AGENT, "open", device, "--for", "5m", "--socket", agent.socket, stderr=subprocess.PIPE, text=True)
    records = lambda: [record for record in agent.audit() if record["event"] == "opened"]
    until("the opening is recorded", lambda: records() or opening.poll() is not None, 10)
    agent.close()
    said = opening.communicate()[1]
    expect(records(), f"it came to nothing: {said}")
    return records()[-1]


@test("a printer with two MAC addresses is opened where both are described; where one is, the other is named with what to do")
def two_macs(world):
    here = seat()
    with second_answerer(here):
        with OwnAgent(here, "one-mac", devices=("mfp",)).start() as agent:
            says(agent.command("open", "mfp", "--for", "5m"), UNREACHABLE, "More than one device answers at 192.168.77.21", MFP, OTHER,
                 "list both in its mac", "or give the others another address")
            shut(agent)
        with OwnAgent(here, "two-macs", replacing(DESCRIBED, f'mac = ["{MFP}", "{OTHER}"]'), devices=("mfp",)).start() as agent:
            expect(granted(agent)["mac"] == f"{MFP}, {OTHER}", f"the record: {agent.audit()}")


@test("a router with proxy ARP that answers for the printer too is named as that")
def proxy_arp(world):
    here = seat()
    with second_answerer(here, proxies=True):
        with OwnAgent(here, "proxy-arp", devices=("mfp",)).start() as agent:
            answer = agent.command("open", "mfp", "--for", "5m")
            says(answer, UNREACHABLE, f"{OTHER} answers for other addresses of this network, too: it is a router with proxy ARP, or a host with many")
            shut(agent)


@test("every program says its version")
def versions(world):
    for name in ("quoin-agent", "quoin-tunnel", "quoin-snmp", "quoin-resolver"):
        done = subprocess.run([os.path.join(BUILD, "bin", name), "--version"], capture_output=True, text=True, timeout=10)
        expect(done.returncode == 0 and done.stdout.split()[0] == name and done.stdout.split()[1][0].isdigit(), f"{name}: {done}")


@test("a printer at a public address is opened only where the person says that the network is the site's own")
def public_address(world):
    here = seat()
    edit = replacing('address = "192.168.77.21"', 'address = "141.30.77.21"')
    agent = OwnAgent(here, "public", edit, devices=("mfp",))
    agent.prepare()
    says(agent.run_to_its_end(), USAGE, "141.30.77.21 is not a private address", "site.public_networks")
    cards = (("agent", "141.30.77.10/24", "eth0"), ("device", "141.30.77.21/24", "port"))
    for host, address, card in cards:
        here.run(host, "ip", "addr", "add", address, "dev", card, check=True)
    try:
        vouched = lambda text: edit(text).replace("[control]", '[site]\npublic_networks = ["141.30.77.0/24"]\n\n[control]')
        with OwnAgent(here, "vouched", vouched, devices=("mfp",)).start() as agent:
            expect(granted(agent)["address"] == "141.30.77.21", f"the record: {agent.audit()}")
    finally:
        for host, address, card in cards:
            here.run(host, "ip", "addr", "del", address, "dev", card, check=True)


privileged_ports = iter(range(721, 1000))  # each once: the printer's connection tracking remembers where the last one led

CONNECT_FROM = """
import socket, sys
line = socket.socket()
line.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
line.bind(("", int(sys.argv[2])))
line.settimeout(10)
line.connect((sys.argv[1], 515))
print("connected", flush=True)
sys.stdin.read()
"""


@test("an LPD job from a privileged port reaches the printer from that port, one from another port from any")
def lpd_port(world):
    entry = world.opened("laser")
    with contextlib.ExitStack() as clients, ToldPrinter(world.lab, "laser", 515) as printer:
        ports = []
        wanted_ports = (next(privileged_ports), next(privileged_ports), 50021)
        for wanted in wanted_ports:
            client = world.lab.start("support", "python3", "-c", CONNECT_FROM, ipv4(entry), wanted, stdin=subprocess.PIPE,
                                     stdout=subprocess.PIPE, text=True)
            clients.callback(client.wait, 5)
            clients.callback(client.kill)
            clients.enter_context(printer.accept())
            ports.append(printer.peer[1])
            expect(client.stdout.readline() == "connected\n", "the engineer is not connected")
        expect(tuple(ports[:2]) == wanted_ports[:2] and ports[2] >= 1024, f"the printer was connected to from {ports}, not {wanted_ports}")


def by_name(text):
    return text.replace(f"https://{CLOUD}:8443", "https://control.lab:8443")


SLOW_NAMES = (
    ("the first name server is silent", {"127.0.0.1": None, "127.0.0.2": {"control.lab": [CLOUD]}}),
    ("nobody answers for AAAA", {"127.0.0.1": {"control.lab": [CLOUD, "AAAA:silent"]}}),
    ("nobody answers for A at the first", {"127.0.0.1": {"control.lab": [CLOUD, "A:silent"]}, "127.0.0.2": {"control.lab": [CLOUD]}}),
    ("the only name server takes four seconds", {"127.0.0.1": {"control.lab": ["late:4", CLOUD]}}),
    ("its first addresses lead nowhere", {"127.0.0.1": {"control.lab": ["2001:db8::dead", "2001:db8::beef", "203.0.113.99", CLOUD]}}),
)


@long_test("a control server whose name is answered slowly, in part, or with addresses that lead nowhere is reached within the time for opening")
def slow_names(world):
    lab = world.lab
    world.engineer()
    lab.printer_lab("ipv6", "on")
    try:
        for what, servers in SLOW_NAMES:
            with NameServers(lab, "agent", servers), OwnAgent(lab, "names", by_name).start() as agent:
                began = time.monotonic()
                answer = agent.command("open", "mfp", "--for", "5m")
                expect(answer.code == 0, f"{what}: {answer}")
                print(f"     {what}: open after {time.monotonic() - began:.1f} s", flush=True)
    finally:
        lab.printer_lab("ipv6", "off")


@long_test("where no name server answers, open says so, and where the name does not exist, that")
def silent_names(world):
    lab = world.lab
    for servers, text in (({"127.0.0.1": None, "127.0.0.2": None}, "no name server has an answer for its name; check the name servers in /etc/resolv.conf"),
                          ({"127.0.0.1": {}}, "its name has no address")):
        with NameServers(lab, "agent", servers), OwnAgent(lab, "no-names", by_name).start() as agent:
            says(agent.command("open", "mfp", "--for", "5m"), UNREACHABLE, "The control server https://control.lab:8443 cannot be reached", text)
            shut(agent)


VPN = """ip link add vpn0 type veth peer name vpn1; ip link set vpn1 up; ip addr add 100.101.102.103/32 dev vpn0; ip link set vpn0 up
    ip route add 192.168.77.0/24 dev vpn0 table 52; ip rule add priority 5270 lookup 52
    ip neigh add 192.168.77.21 lladdr 02:00:00:00:00:99 dev vpn0"""
NO_VPN = "ip rule del priority 5270; ip route flush table 52; ip link del vpn0"

# Says something to the raw port now, and again for each line that it reads.
SAY_TWICE = """
import socket, sys
line = socket.create_connection((sys.argv[1], 9100), 10)
while True:
    line.sendall(b"a piece of a job\\n")
    print("said", flush=True)
    sys.stdin.readline()
"""


@long_test("where a VPN takes the site's addresses elsewhere, the device is asked and dialled on its own link all the same")
def equal_addresses_elsewhere(world):
    lab = world.lab
    world.engineer()
    lab.run("agent", "sh", "-ec", VPN, check=True)
    try:
        with OwnAgent(lab, "vpn").start() as agent:
            expect("vpn0" in lab.run("agent", "ip", "route", "get", lab.address("mfp")).stdout, "the VPN does not take the address")
            through = Through(world, agent)
            entry = through.opened()
            for step in (first.fetch_page, first.walk):
                step(through)
            out = lab.run("support", "ping", "-c", "2", "-i", "0.2", "-W", "5", ipv4(entry))
            expect(" 2 received" in out.stdout, f"ping: {out.stdout}{out.stderr}")
            expect(agent.opened("mfp")["device_problem"] == "", f"{agent.opened('mfp')}")
    finally:
        lab.run("agent", "sh", "-c", NO_VPN)


@long_test("a VPN that takes the site's addresses later gets nothing of the connections and questions that are under way, nor of a routed bridge's")
def equal_addresses_later(world):
    lab = world.lab
    world.engineer()
    bridged = replacing(DESCRIBED, DESCRIBED + "\nrouted_bridge = true")
    for edit in (lambda text: text, bridged):
        with OwnAgent(lab, "vpn-later", edit).start() as agent:
            entry = Through(world, agent).opened()
            job = os.path.join(lab.state, "mfp", "raw.prn")
            open(job, "wb").close()
            line = lab.start("support", "python3", "-c", SAY_TWICE, ipv4(entry), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            try:
                expect(line.stdout.readline() == "said\n", "the engineer is not connected")
                lab.run("agent", "sh", "-ec", VPN, check=True)
                heard = lab.start("agent", "timeout", "4", "tcpdump", "-nlp", "-i", "vpn1", "host", lab.address("mfp"), stdout=subprocess.PIPE,
                                  stderr=subprocess.DEVNULL, text=True)
                time.sleep(1)
                line.stdin.write("again\n")
                line.stdin.flush()
                expect(line.stdout.readline() == "said\n", "the connection is gone")
                walked = lab.run("support", "snmpget", "-v2c", "-c", "public", "-t", "2", "-r", "0", ipv4(entry), "1.3.6.1.2.1.1.5.0")
                expect(walked.returncode == 0, f"SNMP: {walked.stdout}{walked.stderr}")
                leaked = heard.communicate()[0].strip()
                expect(leaked == "", f"into the VPN went: {leaked}")
                until("both pieces have reached the printer", lambda: os.path.getsize(job) >= 2 * len("a piece of a job\n"), 10)
            finally:
                line.kill()
                line.communicate()
                lab.run("agent", "sh", "-c", NO_VPN)


@long_test("an engineer who is gone stands in the status as silent, with when they were last heard, and as connected again once they are back")
def silent_engineer(world):
    lab = world.lab
    entry = world.opened("laser")
    fetch = lambda: lab.run("support", "curl", "-sk", "-m", "3", f"https://{ipv4(entry)}/").stdout
    until("the engineer sees the page", lambda: "LAB" in fetch(), 20)
    text = lambda: world.agent.ok("status").out
    expect("connected  alice@example.com" in text(), text())
    began = time.time()
    lab.run("support", "ip", "link", "set", "eth0", "down", check=True)
    try:
        until("status says that the engineer is silent", lambda: "silent     alice@example.com, last heard 20" in text(), 240, pause=2)
        path = world.agent.opened("laser")["paths"][0]
        heard = time.mktime(time.strptime(path["last_heard"], "%Y-%m-%dT%H:%M:%SZ")) - time.timezone
        expect(abs(heard - began) < 30, f"last heard at {path['last_heard']}, {began - heard} s before it went")
    finally:
        lab.run("support", "ip", "link", "set", "eth0", "up", check=True)
        lab.run("support", "ip", "route", "replace", "default", "via", "203.0.113.1")
    until("the engineer sees the page again", lambda: "LAB" in fetch(), 60)
    until("status says so", lambda: "connected  alice@example.com" in text(), 20)
    world.forget_engineer()


REVERSE_PROXY = """
server.modules = ("mod_openssl", "mod_proxy")
server.document-root = "/"
server.port = 9443
ssl.engine = "enable"
ssl.pemfile = "{cert}.crt"
ssl.privkey = "{cert}.key"
proxy.server = ("" => (("host" => "127.0.0.1", "port" => 9080)))
"""


@contextlib.contextmanager
def running(lab, host, port, *words):
    process = lab.start(host, *words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        until(f"port {port} is open", lambda: f":{port}" in lab.run(host, "ss", "-Hltn").stdout, 10)
        yield process
    finally:
        process.kill()
        process.wait()


@long_test("a reverse proxy whose server is not there yet is asked again, and one that passes /key and spoils the upgrade is named as that")
def reverse_proxies(world):
    lab = world.lab
    config = os.path.join(lab.state, "lighttpd-reverse.conf")
    with open(config, "w") as file:
        file.write(REVERSE_PROXY.format(cert=os.path.join(lab.tailnet_state, "cert", "control.lab")))
    proxy = ("cloud", 9443, "lighttpd", "-D", "-f", config)
    behind = ("cloud", 9080, "socat", "TCP-LISTEN:9080,bind=127.0.0.1,reuseaddr,fork", f"OPENSSL:{CLOUD}:8443,verify=0")
    passed_on = ("cloud", 9443, "socat", "TCP-LISTEN:9443,reuseaddr,fork", f"TCP:{CLOUD}:8443")
    url = replacing(f"https://{CLOUD}:8443", f"https://{CLOUD}:9443")
    with OwnAgent(lab, "reverse", url).start() as agent:
        with running(lab, *proxy):
            says(agent.command("open", "mfp", "--for", "5m"), UNREACHABLE, f"The control server https://{CLOUD}:9443 cannot be reached",
                 "the proxy in front of it does not reach it, or it is overloaded (status 503)")
            with running(lab, *behind):
                began = time.monotonic()
                says(agent.command("open", "mfp", "--for", "5m"), UNREACHABLE, "it told its key at /key, so a proxy in front of it spoils /ts2021",
                     "must pass the Upgrade header of tailscale-control-protocol on")
                expect(time.monotonic() - began < 10, "it waited although waiting could not help")
        with contextlib.ExitStack() as later, concurrent.futures.ThreadPoolExecutor(1) as pool:
            with running(lab, *proxy):
                opening = pool.submit(agent.command, "open", "mfp", "--for", "5m")
                time.sleep(3)
            later.enter_context(running(lab, *passed_on))
            answer = opening.result()
            expect(answer.code == 0, f"the server came after three seconds: {answer}")
            agent.close()
        shut(agent)
