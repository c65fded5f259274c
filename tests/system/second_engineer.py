"""Bob: an engineer with a client of his own, in `cloud`, while the control server's policy lets everyone reach everything."""
import concurrent.futures
import contextlib
import json
import os
import signal
import subprocess

from site_lab import until

EVERYONE = {"acls": [{"action": "accept", "src": ["*"], "dst": ["*:*"]}]}


class Bob:
    def __init__(self, lab):
        self.lab = lab
        self.folder = os.path.join(lab.tailnet_state, "bob")
        self.client = os.environ["TAILSCALE"]
        os.makedirs(self.folder, exist_ok=True)
        self.daemon = lab.start("cloud", "env", f"SSL_CERT_FILE={lab.tailnet_state}/ca.pem", "TS_NO_LOGS_NO_SUPPORT=true", f"{self.client}/tailscaled",
                                "--tun=userspace-networking", "--socks5-server=127.0.0.1:1055", f"--statedir={self.folder}", f"--socket={self.folder}/s",
                                "--port", "41642", stdout=open(f"{self.folder}/log", "wb"), stderr=subprocess.STDOUT)

    def up(self):
        until("bob's tailscaled is there", lambda: os.path.exists(f"{self.folder}/s"), 10)
        self.ts("up", "--login-server", "https://203.0.113.10:8443", "--authkey", self.lab.tailnet("key", "bob").strip(), "--hostname", "bob",
                "--accept-dns=false", check=True)

    def ts(self, *words, check=False):
        return self.lab.run("cloud", f"{self.client}/tailscale", f"--socket={self.folder}/s", *words, check=check).stdout

    def sees(self, *addresses):
        until("bob's client lists the devices (the policy lets him)", lambda: all(address in self.ts("status") for address in addresses), 10)

    def fetch(self, address, seconds=4):
        return self.lab.run("cloud", "curl", "-sSk", "-m", seconds, "--socks5", "127.0.0.1:1055", f"https://{address}/")

    def gets(self, *addresses):
        """The pages and the pongs that he got, if any."""
        with concurrent.futures.ThreadPoolExecutor(2 * len(addresses)) as pool:
            pages = [pool.submit(self.fetch, address) for address in addresses]
            pongs = [pool.submit(self.ts, "ping", "--c", "1", "--timeout", "3s", address) for address in addresses]
        pages = [page.result() for page in pages]
        return [page.stdout for page in pages if page.returncode == 0 or page.stdout] + [pong.result() for pong in pongs if "pong" in pong.result()]

    def end(self):
        self.daemon.kill()
        self.daemon.wait(5)


@contextlib.contextmanager
def bob_with_every_right(lab):
    policy = os.path.join(lab.tailnet_state, "policy.json")
    was = open(policy).read()
    headscale = int(open(os.path.join(lab.tailnet_state, "headscale.pid")).read())

    def use(text):
        open(policy, "w").write(text)
        os.kill(headscale, signal.SIGHUP)

    use(json.dumps(json.loads(was) | EVERYONE))
    bob = Bob(lab)
    try:
        bob.up()
        yield bob
    finally:
        bob.end()
        use(was)
