#!/usr/bin/env python3
"""The README's two commands on a new machine: from `git clone` to the closing line of the demo and of the tests.

usage: run.py [--limit MINUTES] [--report FILE] KIND...     KIND is one of the list below, or all

    systemd-sudo-lent  systemd-root-lent  plain-sudo-lent  plain-root-lent      systemd is installed (not booted), or is not;
    systemd-sudo-bare  systemd-root-bare  plain-sudo-bare  plain-root-bare      root, or a user with sudo; caches lent, or none
    trouble                                                                     what goes wrong the first time (trouble.py)

A machine that has caches lent finds the compiler's cache, the peers, the toolchains, Go's modules and apt's packages of this one.
The minutes of each step are printed. With --limit a kind that takes longer, the making of the archive left out, has failed.
"""
import argparse
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
from machine import CACHE, USER, CannotBeMade, Failure, Machine, base, bundle, output, what_is_missing  # noqa: E402

CHECKOUT = os.path.dirname(os.path.dirname(HERE))
KINDS = [f"{init}-{who}-{caches}" for caches in ("lent", "bare") for init in ("systemd", "plain") for who in ("sudo", "root")]


class Clock:
    """Prints when each step ended, and ends everything when the time is over."""

    def __init__(self, limit):
        self.began = self.step_began = time.monotonic()
        self.end = self.began + limit * 60
        self.limit = limit

    def step(self, what):
        now = time.monotonic()
        print(f"  {(now - self.step_began) / 60:5.1f} min  {what}", flush=True)
        self.step_began = now

    def left(self):
        return self.end - time.monotonic()

    def minutes(self):
        return (time.monotonic() - self.began) / 60


def watched(machine, clock, command, log, **options):
    """Runs COMMAND in the machine, shows what it says, and returns its status and its lines."""
    process = machine.start(command, **options)
    lines = []
    timer = threading.Timer(max(0, clock.left()), process.kill)
    timer.start()
    try:
        for line in process.stdout:
            lines.append(line.rstrip("\n"))
            log.write(line)
            if re.match(r"\[ *\d+s\] ", line):
                print(f"               {line.rstrip()}", flush=True)
        status = process.wait()
    finally:
        timer.cancel()
    if clock.left() <= 0:
        raise Failure(f"not done within {clock.limit:.0f} minutes; it was at: {lines[-1] if lines else command}")
    return status, lines


def lent_caches():
    """What a new machine may read of this one: by path there, and the settings that make it be read."""
    ccache = os.environ.get("CCACHE_DIR") or os.path.join(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "ccache")
    modules = os.path.join(output("go", "env", "GOMODCACHE").strip() if shutil.which("go") else os.path.expanduser("~/go/pkg/mod"), "cache", "download")
    archives = os.path.join(CACHE, "archives")
    os.makedirs(archives, exist_ok=True)
    folders, settings = {}, {}
    if os.path.isdir(ccache):
        folders["/lent/ccache"] = ccache
        settings |= {"CCACHE_DIR": "/lent/ccache", "CCACHE_READONLY": "1", "CCACHE_TEMPDIR": "/tmp"}
    if os.path.isdir(modules):
        folders["/lent/modules"] = modules
        settings["GOPROXY"] = "file:///lent/modules," + (output("go", "env", "GOPROXY").strip() if shutil.which("go") else "https://proxy.golang.org,direct")
    for name in ("peers", "toolchains"):
        folder = os.path.join(os.path.dirname(CACHE), name)
        if os.path.isdir(folder):
            folders[f"/lent/{name}"] = folder
    folders["/lent/archives"] = archives
    return folders, settings


def modules_and_compilations():
    """What may be lent to a machine that is to meet every trouble: nothing that spares it a step."""
    folders, settings = lent_caches()
    return {there: here for there, here in folders.items() if there in ("/lent/ccache", "/lent/modules")}, settings


def lend(machine, user, home):
    """The parts that are copied, since they belong to whoever uses them."""
    done = machine.run(f"mkdir -p {home}/.cache/quoin && for name in peers toolchains; do [ ! -d /lent/$name ] || cp -rT /lent/$name {home}/.cache/quoin/$name; done; "
                       f"chown -R {user}: {home}/.cache && echo force-unsafe-io >/etc/dpkg/dpkg.cfg.d/quick && cp -n /lent/archives/*.deb /var/cache/apt/archives/ 2>/dev/null; true")
    if done.returncode != 0:
        raise Failure(f"the caches could not be lent: {done.stderr.strip()}")


def keep_archives(machine):
    """apt's packages are lent to the next machine."""
    there, here = os.path.join(machine.folder, "var/cache/apt/archives"), os.path.join(CACHE, "archives")
    for name in os.listdir(there):
        if name.endswith(".deb") and not os.path.exists(os.path.join(here, name)):
            shutil.copy(os.path.join(there, name), os.path.join(here, name + ".new"))
            os.replace(os.path.join(here, name + ".new"), os.path.join(here, name))


def closing_line(lines, pattern):
    return next((line for line in reversed(lines) if re.search(pattern, line)), None)


def both_commands(kind, clock):
    init, who, caches = kind.split("-")
    user, home = (USER, f"/home/{USER}") if who == "sudo" else ("root", "/root")
    folders, settings = lent_caches() if caches == "lent" else ({}, {})
    clone = bundle(CHECKOUT)
    folders["/lent/clone"] = clone
    log_path = os.path.join(CACHE, f"{kind}.log")
    try:
        with open(log_path, "w") as log, Machine(kind, init == "systemd", folders) as machine:
            if caches == "lent":
                lend(machine, user, home)
            clock.step(f"a machine: {init}, {who}, caches {caches}")
            options = {"user": user, "settings": settings}

            def step(what, command, wanted):
                status, lines = watched(machine, clock, command, log, **options)
                line = closing_line(lines, wanted)
                if status != 0 or not line:
                    raise Failure(f"{what}: status {status}, and its last words are:\n    " + "\n    ".join(lines[-15:]) + f"\n    (all of it: {log_path})")
                clock.step(f"{what}: {line.strip()}")

            step("git clone", "git clone -q /lent/clone/quoin.bundle quoin && git -C quoin log -1 --format=%s", ".")
            step("./run demo --once", "cd quoin && ./run demo --once", "cleaned up")
            step("./run test", "cd quoin && ./run test", r"^\d+ passed, 0 failed, \d+ skipped$")
            keep_archives(machine)
    finally:
        shutil.rmtree(clone)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("kinds", nargs="+", choices=[*KINDS, "trouble", "all"], metavar="KIND")
    parser.add_argument("--limit", type=float, default=90, metavar="MINUTES")
    parser.add_argument("--report")
    options = parser.parse_args()
    kinds = [*KINDS, "trouble"] if "all" in options.kinds else options.kinds
    results = []
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):   # the machine goes with whoever made it
        signal.signal(number, lambda *_: sys.exit(130))
    for kind in kinds:
        print(f"fresh {kind}", flush=True)
        clock = Clock(options.limit)
        try:
            if missing := what_is_missing():
                raise CannotBeMade(missing)
            base("systemd" in kind or kind == "trouble")
            clock.step("the archive that new machines are made from")
            clock = Clock(options.limit)
            if kind == "trouble":
                import trouble
                trouble.everything_that_goes_wrong(clock, *modules_and_compilations())
            else:
                both_commands(kind, clock)
            results.append(("ok", kind))
            print(f"ok   fresh {kind} ({clock.minutes():.1f} minutes)", flush=True)
        except CannotBeMade as problem:
            results.append(("SKIP", kind))
            print(f"\n  *** SKIPPED: fresh {kind}: {problem}\n", flush=True)
        except (Failure, subprocess.CalledProcessError, OSError) as problem:
            results.append(("FAIL", kind))
            print(f"FAIL fresh {kind} ({clock.minutes():.1f} minutes)\n     {problem}", flush=True)
    if options.report:
        with open(options.report, "w") as report:
            report.writelines(f"{word} fresh {kind}\n" for word, kind in results)
    return 1 if any(word == "FAIL" for word, _ in results) else 0


if __name__ == "__main__":
    sys.exit(main())
