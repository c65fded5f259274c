"""What goes wrong the first time on a new machine, one after the other on the same one. Each trouble gets one sentence, and the next
call goes on where it stopped; the last one shows the whole demo."""
import contextlib
import fcntl
import os
import re
import shutil
import socket
import threading

from machine import Failure, Machine, bundle

DEMO = "cd quoin && ./run demo --once"
TOO_OLD = "#!/bin/sh\n[ \"$2\" != GOVERSION ] || echo go1.15.9\n[ \"$2\" = GOVERSION ]\n"


@contextlib.contextmanager
def proxy_that_cuts():
    """An HTTP proxy that promises a file and closes in the middle of it."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve():
        with contextlib.suppress(OSError):
            while True:
                connection, _ = listener.accept()
                with connection, contextlib.suppress(OSError):
                    connection.recv(4096)
                    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n" + b"x" * 1000)

    threading.Thread(target=serve, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()


class Troubles:
    def __init__(self, machine, clock, settings):
        self.machine, self.clock, self.settings = machine, clock, settings

    def run(self, name, *parts, until=None, settings=None, network=True):
        """The demo ends with one sentence that has PARTS; it is interrupted at the first line with UNTIL."""
        process = self.machine.start(DEMO, settings={**self.settings, **(settings or {})}, network=network)
        timer = threading.Timer(max(0, self.clock.left()), process.kill)
        timer.start()
        said = []
        for line in process.stdout:
            said.append(line.rstrip("\n"))
            if until and re.search(until, line):
                self.machine.interrupt(process)
                until = None
        status = process.wait()
        timer.cancel()
        sentences = [line for line in said if line.startswith("run: ")]
        if status == 0 or len(sentences) != 1 or not all(part in sentences[0] for part in parts):
            raise Failure(f"{name}: status {status}, one sentence with {parts} was expected, and its last words are:\n    " + "\n    ".join(said[-12:]))
        self.clock.step(f"{name}: {sentences[0]}")
        return said

    def end_without_trouble(self):
        done = self.machine.run(DEMO, settings=self.settings)
        if done.returncode != 0 or "cleaned up" not in done.stdout:
            raise Failure(f"after all troubles the demo still fails: status {done.returncode}\n{done.stdout[-1500:]}{done.stderr[-500:]}")
        self.clock.step("after all of it: " + done.stdout.strip().splitlines()[-1])

    def nothing_is_left(self):
        left = self.machine.run("grep -lsaE '^(go|ninja|clang|cmake|apt-get|dpkg)' /proc/[0-9]*/comm; true").stdout.strip()
        if left:
            raise Failure(f"processes go on after the interruption: {left}")

    def small_disk(self, folder, megabytes):
        """FOLDER of the machine is a disk of its own, as good as full."""
        done = self.machine.run(f"mkdir -p {folder} && mount -t tmpfs -o size={megabytes}m small {folder}")
        if done.returncode != 0:
            raise Failure(f"no small disk at {folder}: {done.stderr}")

    def large_disk(self, folder):
        self.machine.run(f"umount {folder}")


def everything_that_goes_wrong(clock, lent=None, settings=None):
    clone = bundle(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
    try:
        with Machine("trouble", True, {"/lent/clone": clone, **(lent or {})}) as machine:
            machine.run("git clone -q /lent/clone/quoin.bundle quoin")
            clock.step("a machine and a clone")
            troubles = Troubles(machine, clock, settings or {})
            troubles.run("no network", "cannot reach its package server", network=False)
            with proxy_that_cuts() as proxy:
                troubles.run("a proxy that cuts, for apt", "its package server", "run this again", settings={"http_proxy": proxy})
            with open(os.path.join(machine.folder, "var/lib/dpkg/lock-frontend"), "w") as lock:
                fcntl.lockf(lock, fcntl.LOCK_EX)   # as another apt does
                threading.Timer(30, fcntl.lockf, [lock, fcntl.LOCK_UN]).start()
                said = troubles.run("another apt, and an interruption while packages are unpacked", "interrupted while it was at", until=r" 20 %$")
            if not any("another apt is at work" in line for line in said):
                raise Failure("it was not said that another apt is waited for")
            with open(os.path.join(machine.folder, "usr/local/bin/go"), "w") as go:
                go.write(TOO_OLD)
            os.chmod(go.name, 0o755)
            with proxy_that_cuts() as proxy:
                troubles.run("a Go that is too old, and a proxy that cuts, for Go", "cannot fetch go", "module proxy", "run this again",
                             settings={"GOPROXY": proxy})
            troubles.small_disk("/root/.cache/quoin", 150)
            troubles.run("a full disk, for Go", "cannot fetch go", "is full", "make room")
            troubles.large_disk("/root/.cache/quoin")
            troubles.small_disk("/root/quoin/build", 40)
            troubles.run("a full disk, for our own programs", "build/release did not build", "is full", "make room")
            troubles.large_disk("/root/quoin/build")
            troubles.run("an interruption while everything is built", "interrupted while it was at", until="building headscale")
            troubles.nothing_is_left()
            troubles.end_without_trouble()
    finally:
        shutil.rmtree(clone)
