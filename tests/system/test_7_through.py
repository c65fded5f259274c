"""One transfer each way that runs through all that happens to the network, the servers and the engineer's client meanwhile."""
import contextlib
import json
import os
import subprocess
import time

from site_lab import HERE, Failure, ipv4, until
from world import expect, long_test

RATE = 500_000  # bytes a second, each way
LEG = 5  # seconds


class Transfers:
    """Up by raw 9100 of mfp, down by http of laser, until they are asked to finish."""

    SIZE = 240 << 20  # of the file; at RATE it lasts longer than everything that happens

    def __init__(self, lab, up_to, down_from):
        self.lab = lab
        self.finish_file = os.path.join(lab.state, "finish")
        self.job = os.path.join(lab.state, "mfp", "raw.prn")
        self.file = os.path.join(lab.state, "laser", "www", "steady.bin")
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.finish_file)
        open(self.job, "wb").close()
        subprocess.run(["bash", "-c", f"head -c {self.SIZE} /dev/urandom >{self.file}"], check=True)
        self.up = self._start("send", up_to, 9100)
        self.down = self._start("receive", down_from, 80, "/steady.bin")

    def _start(self, direction, address, port, *path):
        return self.lab.start("support", "python3", f"{HERE}/steady_transfer.py", direction, address, port, RATE, self.finish_file, *path,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def alive(self):
        for process in (self.up, self.down):
            if process.poll() is not None:
                raise Failure(f"a transfer ended: {process.communicate()}")

    def arrived(self):
        self.alive()
        return os.path.getsize(self.job)

    def moves(self, seconds):
        """It goes on within so many seconds."""
        self.alive()
        before = self.arrived()
        until("the transfer goes on", lambda: self.arrived() > before + RATE, seconds)

    def finish(self):
        open(self.finish_file, "w").close()
        answers = []
        for process in (self.up, self.down):
            out, err = process.communicate(timeout=120)
            expect(process.returncode == 0, f"a transfer broke: {err}")
            answers.append(out.strip())
        return answers

    def end(self):
        for process in (self.up, self.down):
            if process.poll() is None:
                process.kill()
                process.wait(5)
        os.unlink(self.file)
        open(self.job, "wb").close()


def sums(path):
    done = subprocess.run(["sha256sum", path], capture_output=True, text=True, check=True)
    return f"{os.path.getsize(path)} {done.stdout.split()[0]}"


def path_kinds(world):
    return {path["path"] for entry in world.agent.status()["open"] for path in entry["paths"]}


def leg(world, transfers, name, by):
    """The transfer goes for LEG seconds, by the relay or directly, as the two counters say."""
    until(f"{name}: the path is {by}", lambda: path_kinds(world) == {by}, 40)
    transfers.moves(20)
    relay, router, arrived = world.lab.derper_bytes(), world.lab.router_udp_bytes(), transfers.arrived()
    time.sleep(LEG)
    relay, router, arrived = world.lab.derper_bytes() - relay, world.lab.router_udp_bytes() - router, transfers.arrived() - arrived
    seen = f"{name}: {arrived} bytes arrived; the relay forwarded {relay}, the router passed {router} of UDP"
    expect(arrived > LEG * RATE // 2, seen)
    carried, other = (relay, router) if by == "relay" else (router, relay)
    expect(carried > arrived and other < arrived // 10, seen)
    print(f"     {seen}", flush=True)


def last_handshakes(lab):
    """Of the engineer's tunnels, by peer."""
    peers = json.loads(lab.ts("status", "--json"))["Peer"] or {}
    return {key: peer["LastHandshake"] for key, peer in peers.items() if peer["Active"]}


def restart(lab, what):
    lab.tailnet("kill", what)
    time.sleep(1)
    lab.tailnet("start", what)


@long_test("a transfer each way runs through UDP cut and back, restarts of relay, control server and client, and a rekey, and arrives intact")
def through_everything(world):
    lab = world.lab
    world.agent.close()
    world.engineer()
    entries = {device: world.agent.open(device, "1h") for device in ("mfp", "laser")}
    for entry in entries.values():
        lab.ts("ping", "--c", "10", ipv4(entry))
    transfers = Transfers(lab, ipv4(entries["mfp"]), ipv4(entries["laser"]))
    try:
        leg(world, transfers, "at first", "direct")
        lab.printer_lab("egress", "no-udp")
        try:
            leg(world, transfers, "UDP cut", "relay")
        finally:
            lab.printer_lab("egress", "open")
        leg(world, transfers, "UDP back", "direct")
        restart(lab, "derper")
        leg(world, transfers, "relay restarted", "direct")
        restart(lab, "headscale")
        leg(world, transfers, "control server restarted", "direct")
        restart(lab, "engineer")
        leg(world, transfers, "client restarted", "direct")
        before = last_handshakes(lab)
        until("both tunnels have new keys", lambda: len(before) == 2 and all(last_handshakes(lab).get(key) != at for key, at in before.items()), 150, 2)
        leg(world, transfers, "new keys", "direct")
        lab.printer_lab("egress", "no-udp")  # the relay and the control server that came back carry it too
        try:
            leg(world, transfers, "UDP cut again", "relay")
        finally:
            lab.printer_lab("egress", "open")
        sent, received = transfers.finish()
        until("the whole job arrived", lambda: sums(transfers.job) == sent, 20)
        expect(sums(transfers.file) == received, f"the file has {sums(transfers.file)}, what came {received}")
    finally:
        transfers.end()
    world.agent.close()
