#!/usr/bin/env python3
"""What `./run bench` says where it cannot run: one sentence, before anything is built.

usage: bench_door.py REPOSITORY

The machine is a folder of programs: the few that ./run needs, and others that answer as they would where something is missing.
"""
import os
import shutil
import subprocess
import sys
import tempfile

NEEDED = "bash cat cut date dirname env getent grep head mktemp readlink sed sha256sum sort sleep tail".split()
GO = "Go 1.26 or newer builds the peers"


def machine(folder, **programs):
    """A PATH with the needed programs and these; each is the text of a shell script."""
    os.makedirs(folder)
    for name in NEEDED:
        os.symlink(shutil.which(name), f"{folder}/{name}")
    for name, script in programs.items():
        path = os.path.join(folder, name.replace("_", "-"))
        with open(path, "w") as file:
            file.write(f"#!/bin/bash\n{script}\n")
        os.chmod(path, 0o755)
    return folder


ROOT, SOMEBODY = "echo 0", "echo 1000"
GO_TOOL = 'echo "go{}"'
NO_NETWORK = 'echo "E: Failed to fetch http://deb.example/iperf3  Could not resolve host" ; exit 100'
DONE = "exit 0"
CASES = [  # what the machine has; words after bench; parts of what is said
    ("a strange word", {"id": ROOT}, ["--fast"], ["bench takes --rounds and a number from 1 to 99"]),
    ("no number", {"id": ROOT}, ["--rounds", "none"], ["bench takes --rounds and a number from 1 to 99"]),
    ("zero", {"id": ROOT}, ["--rounds", "0"], ["bench takes --rounds and a number from 1 to 99"]),
    ("not root, no sudo", {"id": SOMEBODY, "go": GO_TOOL.format("1.26.1")}, [], ["the printer lab needs root: run this as root, or install sudo"]),
    ("an old Go", {"id": ROOT, "go": GO_TOOL.format("1.22.0")}, [], [GO, "install it from https://go.dev/dl"]),
    ("no iperf3, no network", {"id": ROOT, "go": GO_TOOL.format("1.26.1"), "dpkg_query": "exit 1", "apt_get": NO_NETWORK, "tee": DONE, "chmod": DONE, "rm": DONE},
     [], ["apt could not install what the bench needs: it cannot reach its package server", "then run this again"]),
]


def main(repository):
    failed = 0
    with tempfile.TemporaryDirectory() as scratch:
        for number, (name, programs, words, parts) in enumerate(CASES):
            path = machine(f"{scratch}/{number}", **programs)
            done = subprocess.run([f"{path}/bash", f"{repository}/run", "bench", *words], capture_output=True, text=True, stdin=subprocess.DEVNULL,
                                  env={"PATH": path, "HOME": scratch, "QUOIN_PEERS": f"{scratch}/peers", "TMPDIR": scratch}, timeout=60)
            said = [line for line in done.stderr.splitlines() if line.startswith("run: ")]
            good = done.returncode == 1 and len(said) == 1 and all(part in said[0] for part in parts)
            failed += not good
            print(f"{'ok  ' if good else 'FAIL'} {name}: {said if said else done.stderr[-300:]} (exit {done.returncode})")
    return failed


sys.exit(1 if main(*sys.argv[1:]) else 0)
