"""All that an engineer does to a printer, with every generation of the client that engineers run.

ENGINEERS="1.80.3=FOLDER 1.90.9=FOLDER ..." names the clients (`./run test --all` builds them and sets it). The everyday tests
take the one that all other tests run with. A client has two forms: with a network interface (tun), and as a process that offers
a SOCKS5 proxy, which carries TCP alone (user).
"""
import contextlib
import os
import re
import subprocess
import urllib.parse

from seat_frames import AGENT_MAC, ROUTER, announcing, captured, due, make_stray_connection, sent_to_others
from site_lab import HERE, ROOT, Failure, ipv4, ipv6, sha256, until
from test_5_services import ftp_round_trip
from world import expect, long_test, test

EVERY_SERVICE = "web,ipp,snmp,raw,lpd,ftp,telnet,ssh,ping"
FORWARDED = {"mfp": ("192.0.2.21", (22, 80, 443, 515, 631, 9100)), "laser": ("192.0.2.22", (21, 23, 80, 9100, *range(50000, 50010)))}


def clients():
    """Version -> folder; without ENGINEERS the everyday one alone."""
    return dict(word.split("=", 1) for word in os.environ.get("ENGINEERS", f"everyday={os.environ.get('TAILSCALE', '')}").split())


class Seat:
    """What the probes need: the lab, where an engineer on this client reaches each printer, and where a host of the LAN does."""

    def __init__(self, lab, reach):
        self.lab = lab
        self.reach = reach

    def both(self, device, *words):
        """Runs the same program through the tunnel and on the LAN; {} in WORDS is the printer. Its addresses are made one."""
        answers = []
        for host, address in (("support", self.reach[device]), ("files", self.lab.address(device))):
            done = self.lab.run(host, *(written(str(word), address) for word in words), timeout=60)
            answer = done.stdout + done.stderr
            # A printer repeats its address as it was asked for it; ipptool shows a bracket with a backslash.
            for form in (rf"\[{address}]", f"[{address}]", urllib.parse.quote(f"[{address}]"), address, self.lab.address(device)):
                answer = answer.replace(form, "PRINTER")
            answers.append(answer)
        return answers


def in_url(address):
    return f"[{address}]" if ":" in address else address


def written(word, address):
    """WORD with the address for {}: as the host of a URL, as a transport of SNMP, or by itself."""
    if ":" in address:
        word = word.replace("udp:{}", f"udp6:[{address}]")
    return word.replace("{}", in_url(address) if "://" in word else address)


def same(seat, device, *words, contains, varying=r"^$"):
    through, on_lan = seat.both(device, *words)
    expect(contains in on_lan, f"{words[0]} on the LAN: {on_lan[-300:]}")
    lines = [[line for line in text.splitlines() if not re.search(varying, line)] for text in (through, on_lan)]
    differ = next((pair for pair in zip(lines[0], lines[1]) if pair[0] != pair[1]), None)
    expect(lines[0] == lines[1], f"{words[0]}: {len(lines[0])} and {len(lines[1])} lines; first other: {differ}; {through[-300:]}")


def web(seat):
    varying = r"(?i)^(Date|Last-Modified|ETag|Expires|< Date)"
    same(seat, "mfp", "curl", "-sSki", "-m", "20", "https://{}/", contains="LAB C4500", varying=varying)
    same(seat, "mfp", "curl", "-sSi", "-m", "20", "http://{}/", contains="HTTP/1.1 30", varying=varying)
    same(seat, "laser", "curl", "-sSi", "-m", "20", "http://{}/", contains="HP LaserJet LAB M500", varying=varying)


def ipp(seat):
    same(seat, "mfp", "ipptool", "-tv", "ipp://{}:631/ipp/print", "get-printer-attributes.test", contains="printer-make-and-model",
         varying=r"RECEIVED|time|printer-icons|printer-config-change|printer-state-change")


def lpd(seat):
    job = os.path.join(seat.lab.state, "lpd.job")
    data = os.urandom(300_000)
    with open(job, "wb") as file:
        file.write(data)
    sent = seat.lab.run("support", f"{ROOT}/tests/lab/lib/lpd-send", seat.reach["mfp"], job)
    expect("sent" in sent.stdout, f"LPD: {sent.stdout}{sent.stderr}")
    until("the LPD job arrived", lambda: f"{len(data)} {sha256(data)}" in seat.lab.printer_lab("jobs", "mfp"), 10)


def raw(seat, megabytes=2):
    path = os.path.join(seat.lab.state, "mfp", "raw.prn")
    open(path, "wb").close()
    sent = seat.lab.run("support", "bash", "-c", f"""openssl enc -aes-128-ctr -K {os.urandom(16).hex()} -iv {"0" * 32} </dev/zero 2>/dev/null |
        head -c {megabytes << 20} | tee >(socat -u -T 60 - TCP:{in_url(seat.reach["mfp"])}:9100) | sha256sum; wait""", timeout=300)
    wanted = sent.stdout.split()[0] if sent.stdout.split() else "nothing"
    until("the whole raw job arrived", lambda: os.path.getsize(path) == megabytes << 20, 120)
    expect(f"{megabytes << 20} {wanted}" in seat.lab.printer_lab("jobs", "mfp"), f"raw 9100: other bytes arrived: {sent.stderr}")
    open(path, "wb").close()


def download(seat, megabytes=2):
    path = os.path.join(seat.lab.state, "mfp", "www", "large.bin")
    subprocess.run(["bash", "-c", f"head -c {megabytes << 20} /dev/urandom >{path}"], check=True)
    wanted = subprocess.run(["sha256sum", path], capture_output=True, text=True, check=True).stdout.split()[0]
    got = seat.lab.run("support", "bash", "-c", f"curl -sSk -m 280 https://{in_url(seat.reach['mfp'])}/large.bin | sha256sum", timeout=300)
    os.unlink(path)
    expect(wanted in got.stdout, f"the file came otherwise: {got.stderr}")


def ftp(seat, megabytes=1):
    for form in (["--disable-epsv"], []):  # PASV, EPSV
        ftp_round_trip(seat.lab, in_url(seat.reach["laser"]), form, os.urandom(megabytes << 20))


def telnet(seat):
    # Without a half-close: the client's SOCKS5 proxy ends a connection at the first end of either direction.
    same(seat, "laser", "bash", "-c", r"exec 3<>/dev/tcp/{}/23; printf 'status\r\nquit\r\n' >&3; timeout 10 cat <&3", contains="LAB print server")


def ssh_banner(seat):
    same(seat, "mfp", "bash", "-c", "exec 3<>/dev/tcp/{}/22 && timeout 5 head -n 1 <&3", contains="SSH-2.0-dropbear")


def snmp_walk(seat):
    same(seat, "mfp", "snmpbulkwalk", "-v2c", "-c", "public", "-On", "-t", "5", "-r", "2", "udp:{}", "1.3.6.1", contains="LAB C4500", varying="Timeticks")


def snmp_bulk(seat):
    """One reply that is larger than the tunnel's MTU: it comes in IPv4 fragments."""
    def reassembled():
        names, values = [line.split() for line in open(f"/proc/{seat.lab.holder('support')}/net/snmp") if line.startswith("Ip:")]
        return int(values[names.index("ReasmOKs")])

    before = reassembled()
    same(seat, "mfp", "snmpbulkget", "-v2c", "-c", "public", "-On", "-t", "5", "-r", "2", "-Cn0", "-Cr150", "udp:{}", "1.3.6.1.2.1.43", contains="INTEGER",
         varying="Timeticks")
    expect(reassembled() > before, "the reply was not in fragments: it says nothing")


def many(seat, number=200):
    got = seat.lab.run("support", "python3", f"{HERE}/many_connections.py", number, seat.reach["laser"], 80, "HP LaserJet LAB M500", timeout=100)
    expect(got.stdout.strip() == str(number), f"{number} connections at once: {got.stdout.strip()} good; {got.stderr[-300:]}")


OVER_TCP = [web, ipp, lpd, raw, download, ftp, telnet, ssh_banner, many]
OVER_UDP = [snmp_walk, snmp_bulk]
OVER_IPV6 = [*OVER_TCP, snmp_walk]  # our stack sends no fragments there


def pings(world, entry):
    """On a device that has just been opened."""
    lab = world.lab
    out = lab.ts("ping", "--c", "10", "--timeout", "5s", ipv4(entry))
    expect("via DERP(lab)" in out, f"no answer over the relay first: {out}")
    expect(re.search(r"via 203\.0\.113\.\d+:\d+", out), f"never direct: {out}")
    for form in ("--tsmp", "--icmp"):
        out = lab.ts("ping", form, "--c", "2", ipv4(entry))
        expect("pong from" in out, f"{form}: {out}")


def plain_pings(world, entry):
    for address in (ipv4(entry), ipv6(entry)):
        out = world.lab.run("support", "ping", "-c", "3", "-i", "0.2", "-W", "5", address)
        expect(" 3 received" in out.stdout, f"ping {address}: {out.stdout}{out.stderr}")


def probe(steps, seat, **more):
    for step in steps:
        try:
            step(seat, **more)
        except Failure as problem:
            raise Failure(f"{step.__name__}: {problem}") from problem


def open_both(world):
    world.agent.close()
    return {device: world.agent.open(device, "1h", "--services", EVERY_SERVICE) for device in ("mfp", "laser")}


@contextlib.contextmanager
def forwarded(lab, targets):
    """In the user form: every port of the printers as a port of an address of our own, through the client's SOCKS5 proxy."""
    carriers = []
    try:
        for device, (address, ports) in FORWARDED.items():
            carriers.append(lab.start("support", "python3", f"{HERE}/socks_forward.py", 1055, address, targets[device], *ports,
                                      stdout=subprocess.PIPE, text=True))
            expect(carriers[-1].stdout.readline() == "ready\n", "the forwarder did not start")
        yield Seat(lab, {device: address for device, (address, _) in FORWARDED.items()})
    finally:
        for carrier in carriers:
            carrier.kill()
            carrier.wait(5)


def in_tun_form(world, folder):
    lab = world.lab
    stray = os.path.join(lab.state, "stray.pcap")
    with announcing(lab, lab.address("files"), lab.address("pc"), ROUTER, "192.168.77.77") as announced:
        world.engineer("tun", folder)
        announced()
        with captured(lab, stray, f"ether src {AGENT_MAC} and not ({due(lab, 'mfp', 'laser')})"):
            everything_in_tun_form(world)
            make_stray_connection(lab)
    sent_to_others(lab, stray, "mfp", "laser")


def everything_in_tun_form(world):
    entries = open_both(world)
    pings(world, entries["mfp"])
    plain_pings(world, entries["mfp"])
    seat = Seat(world.lab, {device: ipv4(entry) for device, entry in entries.items()})
    probe(OVER_TCP + OVER_UDP, seat)
    probe(OVER_IPV6, Seat(world.lab, {device: ipv6(entry) for device, entry in entries.items()}))
    probe([raw, download], seat, megabytes=200)


def in_user_form(world, folder):
    for address, _ in FORWARDED.values():  # before the client starts: it binds anew when addresses change; and ipptool calls 127/8 localhost
        world.lab.run("support", "ip", "address", "replace", f"{address}/32", "dev", "lo", check=True)
    world.engineer("user", folder)
    entries = open_both(world)
    pings(world, entries["mfp"])
    # derper keeps 32 packets for a client: of 200 SYNs at once it drops most, and this client's proxy tries for 5 s only.
    world.lab.ts("ping", "--c", "10", "--timeout", "5s", ipv4(entries["laser"]))
    until("the path to laser is direct", lambda: world.agent.opened("laser")["paths"][0]["path"] == "direct", 10)
    for overlay in (ipv4, ipv6):
        with forwarded(world.lab, {device: overlay(entry) for device, entry in entries.items()}) as seat:
            probe(OVER_TCP, seat)
            if overlay is ipv4:
                probe([raw, download], seat, megabytes=200)


@test("web, IPP, LPD, raw, FTP, telnet, ssh, SNMP in fragments and 200 connections at once: through the tunnel as on the LAN")
def short_form(world):
    world.engineer()
    entries = open_both(world)
    probe(OVER_TCP + OVER_UDP, Seat(world.lab, {device: ipv4(entry) for device, entry in entries.items()}))
    page = world.lab.run("support", "curl", "-sSk", "-m", "20", f"https://[{ipv6(entries['mfp'])}]/")
    expect("LAB C4500" in page.stdout, f"https over IPv6: {page.stderr}")
    world.agent.close()


def register():
    for version, folder in clients().items():
        long_test(f"the matrix with client {version}, TUN form: everything, 200 MB each way, IPv4 and IPv6")(
            lambda world, f=folder: in_tun_form(world, f))
        long_test(f"the matrix with client {version}, user-space form: everything that is TCP, 200 MB each way, IPv4 and IPv6")(lambda world, f=folder: in_user_form(world, f))


register()
