"""A customer's site, the world outside and our agent at its seat: what every system test stands on.

The printer lab (tests/lab/printer-lab) makes the network from namespaces; tests/lab/tailnet starts other people's programs on
it; this file starts ours. HEADSCALE and TAILSCALE name the folders of the peers (`./run` sets them), BUILD the build folder.
"""
import contextlib
import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
BUILD = os.environ.get("BUILD", os.path.join(ROOT, "build", "release"))
AGENT = os.path.join(BUILD, "bin", "quoin-agent")
TUNNEL = os.path.join(BUILD, "bin", "quoin-tunnel")
CLOUD = "203.0.113.10"
MACS = {"mfp": "02:da:00:00:4d:15", "laser": "02:da:00:00:4d:16", "label": "02:da:00:00:4d:17", "inkjet": "02:da:00:00:4d:18",
        "odd": "02:da:00:00:4d:19", "secure": "02:da:00:00:4d:1a"}


class Failure(Exception):
    """A step did not do what it should; the text says which and what came instead."""


def sha256(data):
    return hashlib.sha256(data).hexdigest()


def until(what, condition, seconds, pause=0.05):
    """Waits for CONDITION and returns its value; raises Failure when SECONDS are over."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise Failure(f"not within {seconds} s: {what}")
        time.sleep(pause)


class Lab:
    """The network with its printers, headscale, derper and, once asked for, an engineer."""

    def __init__(self, prefix=os.environ.get("QUOIN_TEST_PREFIX", "qtest")):
        self.prefix = prefix
        self.state = f"/run/{prefix}"
        self.tailnet_state = f"/run/{prefix}-tailnet"
        self.environment = dict(os.environ, LAB_PREFIX=prefix, LAB_STATE=self.state, TAILNET_STATE=self.tailnet_state)

    def _script(self, name, *words, check=True, timeout=120, **more):
        done = subprocess.run([os.path.join(ROOT, "tests", "lab", name), *words], env=dict(self.environment, **more), text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, timeout=timeout)
        if check and done.returncode != 0:
            raise Failure(f"{name} {' '.join(words)}: {done.stdout.strip()[-600:]}")
        return done.stdout

    def printer_lab(self, *words, **options):
        return self._script("printer-lab", *words, **options)

    def tailnet(self, *words, **options):
        return self._script("tailnet", *words, **options)

    def up(self, *hosts):
        self.down()
        self.printer_lab("up", "--wan", *hosts)
        self.tailnet("control")

    def down(self):
        self.tailnet("down", check=False)
        self.printer_lab("down", check=False)

    def engineer(self, form="tun", name="alice", client=None):
        """A fresh engineer takes the place of the one before; CLIENT is the folder of another version of the client."""
        self.tailnet("kill", "engineer")
        shutil.rmtree(os.path.join(self.tailnet_state, "engineer"), ignore_errors=True)
        for node in self.nodes().values():
            if node["given_name"].startswith("engineer"):
                self.tailnet("hs", "nodes", "delete", "--force", "--identifier", str(node["id"]))
        self.environment["ENGINEER"] = client or os.environ["TAILSCALE"]
        self.tailnet("engineer", form, name)

    def namespace(self, host):
        return f"{self.prefix}-{host}"

    def holder(self, host):
        """The pid of a process that is always in HOST's namespaces."""
        return int(open(os.path.join(self.state, host, "holder.pid")).read())

    def enter(self, host, words):
        """The command line that runs WORDS on HOST."""
        return ["nsenter", "-t", str(self.holder(host)), "-m", "-n", "--", *map(str, words)]

    def run(self, host, *words, timeout=60, input=None, check=False, binary=False):
        """Runs a program on a host of the lab; returns the finished process (output as text unless BINARY)."""
        done = subprocess.run(self.enter(host, words), capture_output=True, timeout=timeout, input=input,
                              stdin=subprocess.DEVNULL if input is None else None)
        if not binary:
            done.stdout, done.stderr = done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace")
        if check and done.returncode != 0:
            raise Failure(f"on {host}: {' '.join(map(str, words))}: exit {done.returncode}: {done.stderr}{'' if binary else done.stdout}")
        return done

    def start(self, host, *words, **options):
        return subprocess.Popen(self.enter(host, words), **({"stdin": subprocess.DEVNULL} | options))

    def ts(self, *words, timeout=60, host="support"):
        """The engineer's tailscale command."""
        done = subprocess.run([os.path.join(ROOT, "tests", "lab", "tailnet"), "ts", host, *words], env=self.environment, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, timeout=timeout)
        return done.stdout

    def nodes(self):
        """What headscale knows: node key -> node."""
        out = subprocess.run([os.path.join(ROOT, "tests", "lab", "tailnet"), "hs", "nodes", "list", "-o", "json"], env=self.environment,
                             text=True, capture_output=True, timeout=30).stdout
        return {node["node_key"]: node for node in json.loads(out or "null") or []}

    def touched(self, host):
        return self.printer_lab("touched", host).strip()

    def derper_bytes(self):
        """Bytes that the relay has forwarded, by its own counter."""
        page = self.run("cloud", "curl", "-sk", "--resolve", "derp.lab:443:127.0.0.1", "https://derp.lab/debug/vars", check=True).stdout
        return json.loads(page)["derp"]["bytes_sent"]

    def router_udp_bytes(self):
        """Bytes of UDP that the site's router has forwarded, both ways."""
        self.run("gw", "nft", "add table inet count; add chain inet count forward { type filter hook forward priority -10; }")
        listing = self.run("gw", "nft", "list chain inet count forward").stdout
        if "counter" not in listing:
            self.run("gw", "nft", "add rule inet count forward meta l4proto udp counter", check=True)
            listing = self.run("gw", "nft", "list chain inet count forward").stdout
        return int(re.search(r"bytes (\d+)", listing).group(1))

    def address(self, host):
        return "192.168.77." + {"agent": "10", "mfp": "21", "laser": "22", "label": "23", "inkjet": "24", "odd": "25", "secure": "26",
                                "files": "50", "pc": "60"}[host]


class Answer:
    """How a command of quoin-agent ended."""

    def __init__(self, done):
        self.code = done.returncode
        self.out = done.stdout
        self.err = done.stderr

    def __repr__(self):
        return f"exit {self.code}: {self.out.strip()} {self.err.strip()}".strip()


class Agent:
    """quoin-agent in the agent's seat of a lab, with a configuration of its own."""

    def __init__(self, lab, devices=("mfp", "laser", "inkjet"), engineers=("alice@example.com",), longest="4h", seat="agent", folder=None,
                 output=None, **changes):
        self.lab = lab
        self.seat = seat
        self.folder = folder or os.path.join(lab.state, "quoin")
        self.state = os.path.join(self.folder, "state")
        self.socket = os.path.join(self.folder, "run", "agent.sock")
        self.config = os.path.join(self.folder, "agent.toml")
        self.devices, self.engineers, self.longest = devices, engineers, longest
        self.changes = changes
        self.output = output  # where it writes its log: a descriptor, instead of the file agent.log
        self.process = None

    def key_file(self):
        return os.path.join(self.folder, "join.key")

    def configuration(self):
        lines = [f'state_dir = "{self.state}"', f'socket = "{self.socket}"', "", "[control]", f'url = "https://{CLOUD}:8443"',
                 'ca_file = "lab-ca.pem"', 'join_key_file = "join.key"', "", "[relay]", 'ca_file = "lab-ca.pem"', "", "[warrant]",
                 f'longest = "{self.longest}"', "engineers = [" + ", ".join(f'"{name}"' for name in self.engineers) + "]"]
        for name in self.devices:
            lines += ["", "[[device]]", f'name = "{name}"', f'address = "{self.lab.address(name)}"', f'mac = "{MACS[name]}"']
        return "\n".join(lines) + "\n"

    def prepare(self):
        os.makedirs(self.folder, exist_ok=True)
        shutil.copy(os.path.join(self.lab.tailnet_state, "ca.pem"), os.path.join(self.folder, "lab-ca.pem"))
        if not os.path.exists(self.key_file()):
            key = self.lab.tailnet("key", "device").strip()
            with open(self.key_file(), "w") as file:
                file.write(key + "\n")
            os.chmod(self.key_file(), 0o600)
        with open(self.config, "w") as file:
            file.write(self.configuration())

    def run_command(self):
        return [AGENT, "run", "--config", self.config]

    def start(self):
        if self.process and self.process.poll() is None:
            raise Failure("this agent runs already: a second one would only end, and the first would answer for it")
        self.prepare()
        self.log = self.output or open(os.path.join(self.folder, "agent.log"), "ab")
        self.process = self.lab.start(self.seat, *self.run_command(), stdout=self.log, stderr=self.log)
        until(f"the agent answers; its log ends: {self.log_tail()}", self.answers, 10)
        return self

    def log_tail(self, size=800):
        with contextlib.suppress(OSError), open(os.path.join(self.folder, "agent.log"), errors="replace") as file:
            return file.read()[-size:]
        return ""

    def answers(self):
        if self.process.poll() is not None:
            raise Failure(f"quoin-agent ended with {self.process.returncode}: {self.log_tail()}")
        return self.command("status").code == 0

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait(5)
                raise Failure("quoin-agent did not end within 10 s of SIGTERM")

    def command(self, *words, timeout=60):
        """quoin-agent WORDS --socket ..., run at the agent's seat."""
        return Answer(self.lab.run(self.seat, AGENT, *words, "--socket", self.socket, timeout=timeout))

    def ok(self, *words, **options):
        answer = self.command(*words, **options)
        if answer.code != 0:
            raise Failure(f"quoin-agent {' '.join(words)}: {answer}\nlog: {self.log_tail()}")
        return answer

    def status(self):
        return json.loads(self.ok("status", "--json").out)

    def opened(self, device):
        """The status of an open device, or None."""
        return next((entry for entry in self.status()["open"] if entry["device"] == device), None)

    def open(self, device, time_text="30m", *more):
        """Opens a device and returns its status."""
        self.ok("open", device, "--for", time_text, *more)
        entry = self.opened(device)
        if entry is None:
            raise Failure(f"{device} was opened, but status does not have it")
        return entry

    def close(self, *devices):
        self.ok("close", *(devices or ["--all"]))

    def children(self):
        """The pids of the tunnels."""
        return [pid for pid, name in self.processes() if name not in ("quoin-resolver", "quoin-snmp")]

    def processes(self):
        """The pid and the name of every process that the agent has started and not waited for."""
        out = subprocess.run(["ps", "-o", "pid=,comm=", "--ppid", str(self.process.pid)], capture_output=True, text=True).stdout
        return [(int(line.split()[0]), line.split()[1]) for line in out.splitlines()]

    def audit(self):
        """The audit files' records, oldest first."""
        names = sorted((name for name in os.listdir(self.state) if name.endswith(".jsonl")), key=lambda name: (name != "audit.jsonl", name))
        lines = []
        for name in names:
            with open(os.path.join(self.state, name)) as file:
                lines += [json.loads(line) for line in file]
        return lines

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(5)


def ipv4(entry):
    return next(address for address in entry["addresses"] if "." in address)


def ipv6(entry):
    return next(address for address in entry["addresses"] if ":" in address)
