"""What lies between the site and the world: proxies, firewalls that look inside, relays and control servers that go and come."""
import contextlib
import os
import subprocess
import time

import test_1_first_page as first
import test_6_matrix as matrix
from own_agent import OwnAgent, says, shut
from site_lab import CLOUD, ipv4, ipv6, until
from test_3_bad_input import UNREACHABLE, USAGE, replacing
from world import expect, long_test, test

PROXY = "http://192.168.77.1:3128"


def proxy(lines):
    return replacing("[control]", f"[proxy]\n{lines}\n\n[control]")


PASSWORD_BESIDE = proxy('url = "http://lab@192.168.77.1:3128"\npassword_file = "proxy.password"')


class ProxiedAgent(OwnAgent):
    """An agent whose proxy's password is in a file of its own."""

    def __init__(self, lab, name, edit=PASSWORD_BESIDE, password="lab", **options):
        super().__init__(lab, name, edit, **options)
        self.password = password

    def prepare(self):
        super().prepare()
        with open(os.path.join(self.folder, "proxy.password"), "w") as file:
            file.write(self.password + "\n")
        os.chmod(file.name, 0o600)
        os.chmod(self.config, 0o600)


@contextlib.contextmanager
def egress(lab, kind):
    lab.printer_lab("egress", kind)
    try:
        yield
    finally:
        lab.printer_lab("egress", "open")


@contextlib.contextmanager
def proxy_only(lab):
    """Nothing leaves but by the proxy, which knows the relay's name; the agent's seat does not."""
    lab.run("gw", "sh", "-c", f"grep -q derp.lab /etc/hosts || echo {CLOUD} derp.lab >>/etc/hosts", check=True)
    with egress(lab, "proxy-only"):
        yield


class Through:
    """The steps of the first page, through another agent than the world's."""

    def __init__(self, world, agent):
        world.engineer()
        self.lab, self.agent = world.lab, agent

    def opened(self, device="mfp"):
        return self.agent.opened(device) or self.agent.open(device)


def stop_proxy(lab):
    pid = int(open(os.path.join(lab.state, "gw", "proxy.pid")).read())
    os.kill(pid, 15)
    until("the proxy is gone", lambda: ":3128" not in lab.run("gw", "ss", "-Hltn").stdout, 10)


def secrets_of(agent, words):
    """Where one of the words stands that only the gate may know: log, audit, status, the tunnels' memory of their start."""
    texts = {"log": agent.log_tail(1 << 20), "audit": str(agent.audit()), "status": agent.ok("status", "--json").out}
    for pid in agent.children():
        for name in ("environ", "cmdline"):
            with open(f"/proc/{pid}/{name}", errors="replace") as file:
                texts[f"{name} of {pid}"] = file.read()
    return [f"{word} in {where}" for where, text in texts.items() for word in words if word in text]


ANSWERER = """
import socketserver, sys
class Answer(socketserver.StreamRequestHandler):
    def handle(self):
        self.request.recv(4096)
        self.request.sendall(sys.argv[2].encode() + b"\\r\\n")
socketserver.ThreadingTCPServer.allow_reuse_address = True
socketserver.ThreadingTCPServer(("0.0.0.0", int(sys.argv[1])), Answer).serve_forever()
"""


@test("where only an HTTP proxy leads out: page, walk, ping, 20 MB each way; the proxy carries it and its password stays in the gate")
def through_proxy(world):
    lab = world.lab
    world.engineer()
    with proxy_only(lab), ProxiedAgent(lab, "proxied").start() as agent:
        through = Through(world, agent)
        entry = through.opened()
        for step in (first.fetch_page, first.walk, first.upload, first.download):
            step(through)
        out = lab.run("support", "ping", "-c", "3", "-i", "0.2", "-W", "5", ipv4(entry))
        expect(" 3 received" in out.stdout, f"ping: {out.stdout}{out.stderr}")
        expect(first.path_kind(through, "mfp") == "relay", f"the path: {agent.opened('mfp')['paths']}")
        outside = lab.run("agent", "ss", "-Htn", "state", "established").stdout.split()
        peers = {word.rsplit(":", 1)[0] for word in outside if ":" in word} - {"192.168.77.10", "192.168.77.21"}
        expect(peers == {"192.168.77.1"}, f"connected to others than the proxy: {peers}")
        expect(not secrets_of(agent, ["bGFiOmxhYg", "lab:lab"]), f"the password shows: {secrets_of(agent, ['bGFiOmxhYg', 'lab:lab'])}")


@long_test("where only an HTTP proxy leads out: everything of the matrix that is TCP or UDP, over IPv4 and IPv6")
def matrix_through_proxy(world):
    lab = world.lab
    world.engineer()
    world.agent.close()
    with proxy_only(lab), ProxiedAgent(lab, "proxied-matrix").start() as agent:
        entries = {device: agent.open(device, "1h", "--services", matrix.EVERY_SERVICE) for device in ("mfp", "laser")}
        relay = lab.derper_bytes()
        matrix.plain_pings(world, entries["mfp"])
        for overlay, steps in ((ipv4, matrix.OVER_TCP + matrix.OVER_UDP), (ipv6, matrix.OVER_IPV6)):
            matrix.probe(steps, matrix.Seat(lab, {device: overlay(entry) for device, entry in entries.items()}))
        expect(lab.derper_bytes() - relay > 16 << 20, "the relay did not carry it")
        expect({path["path"] for entry in agent.status()["open"] for path in entry["paths"]} == {"relay"}, f"other paths: {agent.status()['open']}")


@long_test("a proxy that the environment names is used, and passed by for whom no_proxy names")
def proxy_of_environment(world):
    lab = world.lab
    with proxy_only(lab):
        for variables, works in ((["HTTPS_PROXY=http://lab:lab@192.168.77.1:3128"], True),
                                 (["https_proxy=lab:lab@192.168.77.1:3128", "HTTPS_PROXY=http://192.0.2.1:1", "NO_PROXY=.example.com"], True),
                                 (["https_proxy=lab:lab@192.168.77.1:3128", f"no_proxy=localhost,{CLOUD}"], False)):
            agent = OwnAgent(lab, "environment")
            start = lab.start
            lab.start = lambda host, *words, **more: start(host, "env", *variables, *words, **more)
            try:
                agent.start()
            finally:
                del lab.start
            with agent:
                answer = agent.command("open", "mfp", "--for", "5m")
                expect((answer.code == 0) == works, f"{variables}: {answer}")
                if not works:
                    says(answer, UNREACHABLE, f"The control server https://{CLOUD}:8443 cannot be reached")
                expect(not secrets_of(agent, ["lab:lab"]), f"the password shows: {secrets_of(agent, ['lab:lab'])}")


@test("a proxy that takes no wrong password, forbids, answers nonsense, is not there or is of another kind is named with what it did")
def proxy_refuses(world):
    lab = world.lab
    answers = {3129: "220 mail.example.com ESMTP", 3130: "HTTP/1.1 403 No\r\n", 3131: "HTTP/1.1 407 Sign in\r\nProxy-Authenticate: NTLM\r\n"}
    others = [lab.start("cloud", "python3", "-c", ANSWERER, port, text) for port, text in answers.items()]
    url = "The control server https://203.0.113.10:8443 cannot be reached"
    try:
        until("they listen", lambda: all(f":{port}" in lab.run("cloud", "ss", "-Hltn").stdout for port in answers), 10)
        with proxy_only(lab):
            with ProxiedAgent(lab, "wrong-password", password="wrong").start() as agent:
                began = time.monotonic()
                answer = agent.command("open", "mfp", "--for", "5m")
                says(answer, UNREACHABLE, url, f"the proxy {PROXY} does not take the user and password (status 40", "proxy.url")
                expect(time.monotonic() - began < 10, "it waited although waiting could not help")
                shut(agent)
            with OwnAgent(lab, "no-user", proxy(f'url = "{PROXY}"')).start() as agent:
                says(agent.command("open", "mfp", "--for", "5m"), UNREACHABLE, url, f"the proxy {PROXY} asks for a user and a password (status 40")
                shut(agent)
        for port, what in ((3129, "does not answer in HTTP"), (3130, "does not allow connections to 203.0.113.10:8443 (status 403)"),
                           (3131, "offers no way of signing in that the agent knows, which is Basic alone (status 407)")):
            with OwnAgent(lab, f"proxy-{port}", proxy(f'url = "http://{CLOUD}:{port}"')).start() as agent:
                says(agent.command("open", "mfp", "--for", "5m"), UNREACHABLE, url, f"the proxy http://{CLOUD}:{port} {what}")
                shut(agent)
    finally:
        for process in others:
            process.kill()
            process.wait(5)
    for lines, parts in (('url = "socks5://192.168.77.1:1080"', ("proxy.url names a kind of proxy that is not spoken; only http://HOST:PORT is",)),
                         ('url = "https://lab:hunter2@192.168.77.1"', ("proxy.url names a kind of proxy that is not spoken",)),
                         ('url = "http://lab@192.168.77.1"\npassword_file = "missing"', ("proxy.password_file", "missing"))):
        agent = OwnAgent(lab, "no-proxy", proxy(lines))
        agent.prepare()
        answer = agent.run_to_its_end()
        says(answer, USAGE, *parts)
        expect("hunter2" not in answer.err, f"the password is said: {answer.err}")
    agent = OwnAgent(lab, "open-config", proxy('url = "http://lab:hunter2@192.168.77.1:3128"'))
    agent.prepare()
    os.chmod(agent.config, 0o644)
    answer = agent.run_to_its_end()
    says(answer, USAGE, "agent.toml may be read by others", "proxy.password_file")
    expect("hunter2" not in answer.err, f"the password is said: {answer.err}")


@test("a proxy that goes away while a device is open stands in the status by its name; when it is back, so is the engineer's page")
def proxy_goes(world):
    lab = world.lab
    world.engineer()
    with proxy_only(lab), ProxiedAgent(lab, "proxy-goes").start() as agent:
        through = Through(world, agent)
        entry = through.opened()
        first.fetch_page(through)
        stop_proxy(lab)
        until("status names the proxy", lambda: f"the proxy {PROXY} refused the connection" in (agent.opened("mfp") or {}).get("problem", ""), 40)
        expect(agent.opened("mfp")["state"] == "open", f"not open any more: {agent.opened('mfp')}")
        lab.printer_lab("egress", "proxy-only")
        until("no problem is left", lambda: agent.opened("mfp")["problem"] == "", 60)
        expect(agent.opened("mfp")["node_key"] == entry["node_key"], "it became another node")
        first.fetch_page(through)


@contextlib.contextmanager
def looked_into(lab, *ports):
    """The router itself answers TLS for these ports of cloud, with a certificate of a CA that nobody outside knows."""
    folder = os.path.join(lab.state, "firewall")
    os.makedirs(folder, exist_ok=True)
    script = f"""cd {folder}
        openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -subj '/O=Firewall Ltd/CN=Inspection CA' -keyout ca.key -out ca.pem
        openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj '/CN=looked into' -keyout leaf.key -out leaf.csr
        printf 'subjectAltName=DNS:derp.lab,IP:{CLOUD}' >names
        openssl x509 -req -in leaf.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 30 -extfile names -out leaf.pem"""
    subprocess.run(["sh", "-ec", script], check=True, capture_output=True)
    server = lab.start("gw", "openssl", "s_server", "-accept", "9444", "-cert", f"{folder}/leaf.pem", "-key", f"{folder}/leaf.key", "-www", "-quiet",
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        until("it listens", lambda: ":9444" in lab.run("gw", "ss", "-Hltn").stdout, 10)
        rules = "; ".join(f"add rule inet inspect in iifname lan0 ip daddr {CLOUD} tcp dport {port} redirect to :9444" for port in ports)
        lab.run("gw", "nft", f"add table inet inspect; add chain inet inspect in {{ type nat hook prerouting priority -100; }}; {rules}", check=True)
        yield
    finally:
        lab.run("gw", "nft", "delete table inet inspect")
        lab.run("gw", "conntrack", "-F")
        server.kill()
        server.wait(5)


FOREIGN = "its certificate (CN=looked into, issued by CN=Inspection CA,O=Firewall Ltd) does not lead to a root that is trusted here"


@long_test("a firewall that looks into TLS is told by host and issuer: by open at once, and by status while a device is open")
def firewall_looks_inside(world):
    lab = world.lab
    with OwnAgent(lab, "looked-into").start() as agent:
        with looked_into(lab, 8443):
            says(agent.command("open", "mfp", "--for", "5m"), UNREACHABLE, "The control server https://203.0.113.10:8443 shows a certificate that is not trusted",
                 f"{CLOUD}: {FOREIGN}", "whether a firewall on the way looks inside")
            shut(agent)
        through = Through(world, agent)
        entry = through.opened()
        problem = lambda: agent.opened("mfp")["problem"]
        for what, port, text in (("derper", 443, f"the relay's certificate is not trusted (derp.lab: {FOREIGN})"),
                                 ("headscale", 8443, f"the control server's certificate is not trusted ({CLOUD}: {FOREIGN})")):
            with looked_into(lab, port):
                lab.tailnet("kill", what)
                lab.tailnet("start", what)
                until(f"status says {text}; it says: {problem()}", lambda: problem() == text, 40)
            until("no problem is left", lambda: problem() == "", 60)
        expect(agent.opened("mfp")["node_key"] == entry["node_key"], "it became another node")
        first.fetch_page(through)


@long_test("a host whose own firewall lets nothing go to the engineer's address any more uses the relay at once, and the direct path again when it does")
def no_road_to_the_engineer(world):
    lab = world.lab
    with OwnAgent(lab, "no-road").start() as agent:
        through = Through(world, agent)
        entry = through.opened()
        lab.ts("ping", "--c", "10", ipv4(entry))
        until("the path is direct", lambda: first.path_kind(through, "mfp") == "direct", 10)
        first.fetch_page(through)
        lab.run("agent", "nft", "add table inet strict; add chain inet strict out { type filter hook output priority 0; };"
                " add rule inet strict out ip daddr 203.0.113.20 meta l4proto udp drop", check=True)
        try:
            began = time.monotonic()
            first.fetch_page(through)
            expect(first.path_kind(through, "mfp") == "relay", f"the path: {agent.opened('mfp')['paths']}")
            expect(time.monotonic() - began < 5, "it waited for the trust in the direct path to run out")
        finally:
            lab.run("agent", "nft", "delete table inet strict", check=True)
        until("the path is direct again", lambda: lab.ts("ping", "--c", "3", ipv4(entry)) and first.path_kind(through, "mfp") == "direct", 30)


@long_test("three regions: when the home relay dies the device moves to another one, where the engineer reaches it without UDP too")
def home_relay_dies(world):
    lab = world.lab
    relays = {"lab": "derper", "lab1": "derper1", "lab2": "derper2"}
    lab.tailnet("regions", "3")
    try:
        with OwnAgent(lab, "regions").start() as agent:
            through = Through(world, agent)
            entry = through.opened()
            first.fetch_page(through)
            home = entry["relay"]
            lab.tailnet("kill", relays[home])
            began = time.monotonic()
            until("the home is another one", lambda: agent.opened("mfp")["relay"] not in (home, ""), 60)
            second = agent.opened("mfp")["relay"]
            print(f"     from {home} to {second} in {time.monotonic() - began:.1f} s", flush=True)
            with egress(lab, "no-udp"):
                until("the path is the relay", lambda: first.path_kind(through, "mfp") == "relay", 40)
                first.fetch_page(through)
                through_region = agent.opened("mfp")["paths"][0]["through"]
                expect(through_region != home, f"through the dead relay: {through_region}")
            lab.tailnet("start", relays[home])
            until("no problem is left", lambda: agent.opened("mfp")["problem"] == "", 60)
            first.fetch_page(through)
            expect(agent.opened("mfp")["node_key"] == entry["node_key"], "it became another node")
    finally:
        lab.tailnet("regions", "1")


class Trickle:
    """A job that is sent to the printer piece by piece, one each second."""

    def __init__(self, world, entry):
        self.lab = world.lab
        self.path = os.path.join(self.lab.state, "mfp", "raw.prn")
        open(self.path, "wb").close()
        script = ("import socket, sys, time\ns = socket.create_connection((sys.argv[1], 9100), 20)\n"
                  "while True: s.sendall(b'x' * 1000); time.sleep(1)\n")
        self.process = self.lab.start("support", "python3", "-c", script, ipv4(entry), stderr=subprocess.DEVNULL)
        until("the first piece is there", lambda: self.arrived() > 0, 20)

    def arrived(self):
        return os.path.getsize(self.path)

    def moves(self, what, seconds=60):
        before = self.arrived()
        until(f"{what}: more arrives", lambda: self.arrived() >= before + 2000 or self.process.poll() is not None, seconds)
        expect(self.process.poll() is None, f"{what}: the flow ended")

    def end(self):
        self.process.kill()
        self.process.wait(5)


@long_test("the control server is away for three minutes with a flow running: it runs on, status says so, and all is well when it is back")
def control_is_away(world):
    lab = world.lab
    with OwnAgent(lab, "away").start() as agent:
        through = Through(world, agent)
        entry = through.opened()
        flow = Trickle(world, entry)
        try:
            lab.tailnet("kill", "headscale")
            until("status says so", lambda: agent.opened("mfp")["problem"].startswith("the control server cannot be reached"), 90)
            end = time.monotonic() + 180
            while time.monotonic() < end:
                flow.moves("without the control server")
            lab.tailnet("start", "headscale")
            until("no problem is left", lambda: agent.opened("mfp")["problem"] == "", 90)
            flow.moves("with the control server")
            expect(agent.opened("mfp")["node_key"] == entry["node_key"], "it became another node")
            first.fetch_page(through)
        finally:
            flow.end()


@contextlib.contextmanager
def outside_hears_resets(lab):
    """Connections that the router has forgotten are reset outward, so that the servers need not wait for minutes to find out."""
    lab.run("gw", "nft", "add table inet resets; add chain inet resets in { type filter hook input priority -10; }; "
            "add rule inet resets in iifname wan0 meta l4proto tcp reject with tcp reset", check=True)
    try:
        yield
    finally:
        lab.run("gw", "nft", "delete table inet resets")


@long_test("the site's link is cut for longer than the control server keeps the node: it registers again with its keys, or ends and says why")
def link_is_cut(world):
    lab = world.lab
    with OwnAgent(lab, "cut").start() as agent:
        through = Through(world, agent)
        entry = through.opened()
        with egress(lab, "none"), outside_hears_resets(lab):
            until("the control server has let the node go", lambda: entry["node_key"] not in lab.nodes(), 150)
            until("status says that nothing can be reached", lambda: "cannot be reached" in agent.opened("mfp")["problem"] or
                  "no relay can be reached" in agent.opened("mfp")["problem"], 60)

        def settled():
            now = agent.opened("mfp")
            return now is None or (now["problem"] == "" and entry["node_key"] in lab.nodes())

        until("it is there again, or has ended", settled, 120)
        again = [record for record in agent.audit() if record["event"] == "registered"]
        now = agent.opened("mfp")
        if now is not None and now["state"] == "open":
            expect(now["addresses"] == entry["addresses"], f"it goes on under other addresses: {now['addresses']}")
            first.fetch_page(through)
        else:
            until("it has ended", lambda: agent.opened("mfp") is None, 10)
            closed = [record for record in agent.audit() if record["event"] == "closed"]
            expect(closed[-1]["why"] == "the control server gave the node other addresses", f"it ended because {closed[-1]}")
            expect(again[-1]["addresses"] != entry["addresses"], f"the record of the new addresses: {again}")
        expect(all(record["node_key"] == entry["node_key"] for record in again), f"other keys: {again}")


@long_test("IPv6 outside: where UDP over IPv4 is cut, the path is direct over IPv6")
def direct_over_ipv6(world):
    lab = world.lab
    world.engineer()
    lab.printer_lab("ipv6", "on")
    lab.tailnet("regions", "1", "2001:db8::10")
    try:
        lab.run("gw", "nft", "add rule inet lab egress meta nfproto ipv4 meta l4proto udp drop", check=True)
        lab.run("gw", "conntrack", "-F")
        with OwnAgent(lab, "ipv6").start() as agent:
            through = Through(world, agent)
            entry = through.opened()
            # The control server was started anew, and a client that has not asked it again yet knows "no matching peer".
            until("the engineer's client knows the device", lambda: entry["name"] in lab.ts("status"), 40)
            out = lab.ts("ping", "--c", "15", "--timeout", "5s", ipv4(entry))
            expect("via [2001:db8:77::10]:" in out, f"never over IPv6: {out}")
            until("the path is direct", lambda: first.path_kind(through, "mfp") == "direct", 10)
            reached = agent.opened("mfp")["paths"][0]["through"]
            expect(reached.startswith("[2001:db8::20]:"), f"through {reached}")
            relay = lab.derper_bytes()
            first.fetch_page(through)
            first.upload(through)
            expect(lab.derper_bytes() - relay < 1 << 20, "the relay carried it")
    finally:
        lab.printer_lab("egress", "open")
        lab.printer_lab("ipv6", "off")
        lab.tailnet("regions", "1")
