"""What lies between the site and the world: proxies, firewalls that look inside, relays and control servers that go and come."""
import contextlib
import os
import subprocess
import time

import test_1_first_page as first
from own_agent import OwnAgent, says, shut
from site_lab import AGENT, CLOUD, Answer, ipv4, until
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


@test("a proxy that the environment names is used, and passed by for whom no_proxy names")
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
