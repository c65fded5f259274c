"""What a device, a proxy or the LAN says is not authority: ports that a printer was made to name, a proxy's own answer for a relay, somebody who takes the printer's address."""
import contextlib
import json
import os
import sys
import time

import test_1_first_page as first
from own_agent import OwnAgent, says, seat
from seat_frames import captured, frames
from site_lab import CLOUD, ipv4, until
from test_8_faults import ask, known_by, says_of
from test_a_networks import ProxiedAgent, Through, proxy_only
from world import expect, long_test, test

FAILED = 5

# Has vsftpd print a line of its own: a file's name with NULs, which vsftpd takes for line ends, in the answer to STAT. Says what was printed, and
# whether port 9100, which that line names, was reached.
INJECTION = r"""
import ftplib, json, socket, sys
host, asked = sys.argv[1], sys.argv[2:]
ftp = ftplib.FTP()
ftp.connect(host, 21, 10)
ftp.login()
ftp.cwd("print")
name = b"a\x00213 x\x00227 y (1,1,1,1,35,140)"
ftp.sock.sendall(b"EPSV\r\n")
port = ftplib.parse229(ftp.getresp(), ftp.sock.getpeername())[1]
ftp.sock.sendall(b"STOR " + name + b"\r\n")
with socket.create_connection((host, port), 10):
    pass
ftp.getresp(), ftp.getresp()
for line in asked + ["STAT ."]:
    ftp.sock.sendall(line.encode() + b"\r\n")
printed = b""
ftp.sock.settimeout(1)
try:
    while b"227 y (" not in printed or not printed.endswith(b"\n"):
        printed += ftp.sock.recv(4096)
except OSError:
    pass
reached = True
try:
    socket.create_connection((host, 9100), 5).close()
except OSError:
    reached = False
print(json.dumps([printed.decode("latin-1"), reached]))
"""


def remove_uploads(lab):
    folder = os.path.join(lab.state, "laser", "ftp", "print")
    for name in os.listdir(folder):
        os.unlink(os.path.join(folder, name))


@test("a line that a printer was made to print, which names port 9100 for FTP data, opens no port 9100")
def injected_passive_reply(world):
    lab = world.lab
    world.engineer()
    world.agent.close()
    entry = world.agent.open("laser", "10m", "--services", "ftp")
    for asked in ([], ["PASV"], ["EPSV"]):
        try:
            done = lab.run("support", sys.executable, "-c", INJECTION, ipv4(entry), *asked, check=True)
        finally:
            remove_uploads(lab)
        printed, reached = json.loads(done.stdout)
        expect("\n227 y (" in printed, f"vsftpd did not print the line, so nothing was tried: {printed!r}")
        expect(not reached, f"port 9100 was reached after {asked}: {printed!r}")
    ports = [r["port"] for r in world.agent.audit() if r["event"] == "flow_opened" and r["device"] == "laser"]
    expect(9100 not in ports, f"a connection to 9100 is recorded: {ports}")
    world.agent.close()


@test("without a list of services FTP is not opened")
def no_ftp_by_default(world):
    world.engineer()
    world.agent.close()
    entry = world.agent.open("laser")
    expect("ftp" not in entry["services"], f"granted: {entry['services']}")
    answer = ask(world.lab, "support", ipv4(entry), 21, 3)
    expect(answer[0] == "ECONNREFUSED", f"port 21 answers: {answer}")
    world.agent.close()


@test("a host view that cannot be read opens nothing, and says what could not be read")
def unreadable_host(_):
    here = seat()
    resolver = os.path.join(here.state, "resolv.conf")
    with OwnAgent(here, "unreadable") as agent:
        try:
            with open(resolver, "w") as file:
                file.write("# too long to be read whole\n" * 3000)
            agent.start()
            says(agent.command("open", "mfp", "--for", "5m"), FAILED,
                 "mfp was not opened: this host's networks cannot be read (read /etc/resolv.conf: File too large)")
        finally:
            open(resolver, "w").close()
        expect(agent.children() == [], "a tunnel runs")


@contextlib.contextmanager
def sharing_a_name(lab, host):
    """The proxy's own resolver has the relay's name for a host of the site; nobody else's has."""
    hosts = lab.run("gw", "cat", "/etc/hosts").stdout
    rest = "".join(line + "\n" for line in hosts.splitlines() if "derp.lab" not in line)
    lab.run("gw", "sh", "-c", "cat >/etc/hosts", input=f"{rest}{lab.address(host)} derp.lab\n".encode(), check=True)
    try:
        yield
    finally:
        lab.run("gw", "sh", "-c", "cat >/etc/hosts", input=rest.encode(), check=True)


@long_test("a proxy that has the relay's name for a host of the site is not led there: it is asked for the address that was judged")
def proxys_other_answer(world):
    lab = world.lab
    with proxy_only(lab), sharing_a_name(lab, "files"), ProxiedAgent(lab, "other-answer").start() as agent:
        through = Through(world, agent)
        through.opened()
        first.fetch_page(through)
        expect(first.path_kind(through, "mfp") == "relay", f"the path: {agent.opened('mfp')['paths']}")
        with open(os.path.join(lab.state, "gw", "proxy.log")) as file:
            asked = {line.split("CONNECT ")[-1].split()[0] for line in file if "Request" in line}
        expect(f"{CLOUD}:443" in asked, f"the relay was not reached through it: {asked}")
        expect(not [where for where in asked if "derp.lab" in where], f"it was asked by name, which it has for {lab.address('files')}: {asked}")


IMPOSTOR = """
import socket, sys, time
mac, address = bytes.fromhex(sys.argv[1].replace(":", "")), socket.inet_aton(sys.argv[2])
link = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
link.bind(("eth0", 0x0806))
arp = b"\\xff" * 6 + mac + bytes.fromhex("0806" "0001080006040001") + mac + address + b"\\0" * 6 + address
listener = socket.create_server((sys.argv[2], 9100))
listener.settimeout(0.1)
taken, until = b"", time.monotonic() + float(sys.argv[3])
while time.monotonic() < until:
    link.send(arp)
    try:
        with listener.accept()[0] as connection:
            connection.settimeout(2)
            while data := connection.recv(65536):
                taken += data
    except OSError:
        pass
print(len(taken))
"""
PC_MAC = "02:da:00:00:4d:3c"
JOB = """
import socket, sys
try:
    with socket.create_connection((sys.argv[1], 9100), 3) as printer:
        printer.sendall(b"a page that is nobody else's business" * 100)
        printer.shutdown(socket.SHUT_WR)
        printer.recv(1)
except OSError as problem:
    print(problem)
"""


@long_test("whoever takes the printer's address a moment after it was looked at gets no print job, and the session ends")
def impostor(world):
    lab = world.lab
    world.engineer()
    with OwnAgent(lab, "impostor").start() as agent:
        entry = agent.open("mfp")
        time.sleep(2)  # the kernel does not exchange an entry that is younger than a second
        expect(ask(lab, "support", ipv4(entry))[0] == "answered", "mfp is not reached")
        lab.run("mfp", "ip", "link", "set", "eth0", "down", check=True)
        lab.printer_lab("fault", "mfp", "dup-ip")
        process = lab.start("pc", sys.executable, "-c", IMPOSTOR, PC_MAC, lab.address("mfp"), 5, stdout=-1, text=True)
        try:
            until("the agent's kernel has the impostor", lambda: PC_MAC in lab.run("agent", "ip", "neigh", "show", lab.address("mfp")).stdout, 2, 0.02)
            lab.run("support", sys.executable, "-c", JOB, ipv4(entry))
            until("the session is over", lambda: agent.opened("mfp") is None, 5)
            taken = process.communicate(timeout=10)[0].strip()
            expect(taken == "0", f"the impostor was sent {taken} bytes")
            why = agent.audit()[-1]["why"]
            expect("another device than the described one answers at the address" in why and PC_MAC in why, f"the record says: {why}")
        finally:
            process.kill()
            process.wait(5)
            lab.printer_lab("heal", "mfp")


@long_test("what goes to a printer that must be on link has one hop to live: TCP, UDP and ping")
def one_hop(world):
    lab = world.lab
    world.engineer()
    path = os.path.join(lab.state, "hops.pcap")
    with OwnAgent(lab, "hops").start() as agent:
        entry = agent.open("mfp")
        with captured(lab, path, f"src host {lab.address('agent')} and dst host {lab.address('mfp')}"):
            expect(ask(lab, "support", ipv4(entry))[0] == "answered", "mfp is not reached")
            lab.run("support", "snmpget", "-v2c", "-c", "public", "-t", "3", ipv4(entry), "1.3.6.1.2.1.1.1.0", check=True)
            lab.run("support", "ping", "-c", "1", "-W", "5", ipv4(entry), check=True)
        for what, expression in (("TCP", "tcp port 80"), ("UDP", "udp port 161"), ("ping", "icmp")):
            sent = frames(path, expression)
            expect(sent, f"no {what} was captured")
            far = frames(path, f"{expression} and ip[8] != 1")
            expect(not far, f"{what} with more than one hop: {far[:3]}")


@contextlib.contextmanager
def proxy_arp(lab, address):
    """The branch office's printer at an address of the site's network; the router answers ARP for it."""
    lab.printer_lab("branch", "on")
    try:
        lab.run("branch", "ip", "address", "add", f"{address}/32", "dev", "eth0", check=True)
        lab.run("gw", "ip", "route", "add", address, "dev", "lan1", check=True)
        lab.run("gw", "ip", "neigh", "add", "proxy", address, "dev", "lan0", check=True)
        lab.run("gw", "sh", "-c", "echo 0 >/proc/sys/net/ipv4/neigh/lan0/proxy_delay", check=True)
        yield
    finally:
        lab.run("gw", "ip", "neigh", "del", "proxy", address, "dev", "lan0")
        lab.run("gw", "ip", "route", "del", address)
        lab.printer_lab("branch", "off")


@long_test("a printer behind a router that answers ARP for it is not reached unless the configuration says routed_bridge, and the status says so")
def behind_proxy_arp(world):
    lab = world.lab
    world.engineer()
    address, router = "192.168.77.121", "02:da:00:00:4d:01"
    with proxy_arp(lab, address):
        for lines, reached in ((f'mac = "{router}"', False), (f'mac = "{router}"\nrouted_bridge = true', True)):
            def edit(text):
                return known_by({"mfp": lines})(text).replace(lab.address("mfp"), address)

            with OwnAgent(lab, f"bridged-{reached}", edit, devices=("mfp",)).start() as agent:
                entry = agent.open("mfp")
                answer = ask(lab, "support", ipv4(entry))
                expect((answer[0] == "answered") == reached, f"with {lines!r}: {answer}")
                if not reached:
                    says_of(agent, "mfp", "has been behind a router since", 3)
                    says_of(agent, "mfp", "set routed_bridge = true", 1)
