#!/usr/bin/env python3
"""What ./run says where something is missing or fails: one sentence, and the next call goes on where it stopped.

usage: door.py REPOSITORY

The machine is a folder of programs: the few that ./run needs, and others that answer as they would where something is wrong. Each
case works on its own copy of what ./run reads.
"""
import concurrent.futures
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

NEEDED = """awk bash cat chmod cp cut date df dirname env find flock getent grep head ls mkdir mktemp mv python3 readlink rm sed sha256sum sleep sort
            tail touch tr uname""".split()
COPIED = ["run", "tools/run", "tools/toolchains", "tests/peers", "tests/lab/printer-lab"]
ROOT, SOMEBODY = {"id": "echo 0"}, {"id": "echo 1000"}
ALL_THERE = {"dpkg_query": "echo install ok installed", "apt_get": "exit 0"}
NONE_THERE = {"dpkg_query": "exit 1", "dpkg": "echo /usr/share/doc/cmake", "tee": "cat >/dev/null", "chmod": "exit 0"}
BUILDS = {"cmake": "mkdir -p build/release && : >build/release/build.ninja", "ninja": "echo built >>$HOME/built"}


def apt(says, status=100):
    return NONE_THERE | {"apt_get": f'echo "{says}"; exit {status}'}


def module_proxy(answer):
    """A Go that is too old for the peers and can fetch modules; ANSWER is what comes of it. Its `go env` names no real server."""
    return {"new_go": NEW_GO, "go": f'case "$1 $2" in "env GOVERSION") echo go1.22.1 ;; "env "*) echo http://proxy.example ;; "mod download") {answer} ;; esac'}


PINNED = "read -r _ version _ module sum < <(grep \"^go .* linux-$(uname -m) \" $HOME/quoin/tools/toolchains)"
FETCHED = (f'{PINNED}; dir=$GOMODCACHE/go; mkdir -p $dir/bin $dir/pkg/tool; cp $HOME/bin/new-go $dir/bin/go; chmod -x $dir/bin/go; '
           'echo "{"; echo "  \\"Dir\\": \\"$dir\\","; echo "  \\"Sum\\": \\"$sum\\""; echo "}"')
NEW_GO = """case "$1 $2" in "env GOVERSION") echo go1.26.99 ;; "mod edit") echo '{"Tool": [{"Path": "p"}]}' ;; "build -v") echo no such program; exit 1 ;; esac"""
CUT_SHORT_BEFORE = 'if [ -e $HOME/configured ]; then exit 0; fi; echo "E: dpkg was interrupted, you must manually run \'dpkg --configure -a\' to correct the problem."; exit 100'
GO_ON = "then run this again"

CASES = [  # name; what the machine has; words; exit code; parts of its one sentence; optionally what must be true of all it said, and of its folder
    ("bench: a strange word", ROOT, "bench --fast", 1, ["bench takes --rounds and a number from 1 to 99"]),
    ("bench: no number", ROOT, "bench --rounds none", 1, ["bench takes --rounds and a number from 1 to 99"]),
    ("bench: zero", ROOT, "bench --rounds 0", 1, ["bench takes --rounds and a number from 1 to 99"]),
    ("bench: not root, no sudo", SOMEBODY, "bench", 1, ["the printer lab needs root: run this as root, or install sudo"]),
    ("demo: not root, no sudo", SOMEBODY, "demo", 1, ["the printer lab needs root: run this as root, or install sudo"]),
    ("bench: no iperf3, no network", ROOT | apt("E: Failed to fetch http://deb.example/iperf3  Could not resolve host"), "bench", 1,
     ["apt could not install what the bench needs: it cannot reach its package server", GO_ON]),
    ("packages without a unit file are no failure", ROOT | NONE_THERE | BUILDS | {"apt_get": "exit 0", "systemctl": "exit 0"}, "build", 0, []),
    ("only a unit file of dbus is no failure", ROOT | NONE_THERE | BUILDS | {"apt_get": "exit 0", "systemctl": "exit 0", "dpkg": "echo /lib/systemd/system/dbus.service"},
     "build", 0, []),
    ("another apt at work", ROOT | apt("E: Could not get lock /var/lib/dpkg/lock-frontend. It is held by process 77 (apt)"), "build", 1,
     ["apt could not install what the build needs: another apt is at work here", GO_ON]),
    ("it is said that another apt is waited for", ROOT | BUILDS | apt("Waiting for cache lock: Could not get lock /var/lib/dpkg/lock-frontend. It is held by process 77 (apt)", 0),
     "build", 0, [], r"another apt is at work \(process 77 \(apt\)\): waiting"),
    ("a full disk, by apt", ROOT | apt("E: You don't have enough free space in /var/cache/apt/archives/."), "build", 1, ["a disk is full", GO_ON]),
    ("a full disk, whoever met it", ROOT | ALL_THERE | {"cmake": "exit 1", "df": 'printf "Avail Mounted on\\n    7 /home\\n"'}, "build", 1,
     ["cmake failed: the disk at /home is full (7 MB are left)", GO_ON]),
    ("a proxy that cuts, by apt", ROOT | apt("E: Failed to fetch http://deb.example/cmake.deb  Undetermined Error [IP: 192.0.2.1 80]"), "build", 1,
     ["the connection to its package server", "was cut or garbled", "it goes on where it stopped"]),
    ("an unknown package", ROOT | apt("E: Unable to locate package clang-19"), "build", 1, ["it has no clang-19: use Debian 12"]),
    ("an installation that was interrupted before is finished", ROOT | NONE_THERE | BUILDS | {"apt_get": CUT_SHORT_BEFORE, "dpkg": "echo >$HOME/configured"},
     "build", 0, [], "was cut short: finishing it"),
    ("an old Go fetches the new one; its files can be executed", ROOT | ALL_THERE | module_proxy(FETCHED), "peers", 1,
     ["headscale-0.28.0 did not build: see above"], r"fetching go 1\.26"),
    ("a toolchain with another sum is not used", ROOT | ALL_THERE | module_proxy('echo "  \\"Sum\\": \\"h1:AAAA=\\""'), "peers", 1,
     ["the sum h1:AAAA=, and tools/toolchains says h1:", "it is not used; see what GOPROXY names (http://proxy.example)"]),
    ("no network, by Go", ROOT | ALL_THERE | module_proxy('echo "dial tcp: lookup proxy.example: no such host" >&2; exit 1'), "peers", 1,
     ["cannot fetch go 1.26.", "it cannot reach the module proxy (http://proxy.example)", GO_ON]),
    ("a proxy that cuts once, by Go", ROOT | ALL_THERE | module_proxy('[ -e $HOME/cut ] || { echo >$HOME/cut; echo unexpected EOF; exit 1; }; ' + FETCHED), "peers", 1,
     ["headscale-0.28.0 did not build: see above"], "the connection was cut: trying again"),
    ("a proxy that cuts always, by Go", ROOT | ALL_THERE | module_proxy('echo "read tcp: connection reset by peer"; exit 1'), "peers", 1,
     ["cannot fetch go 1.26.", "was cut or garbled", "it goes on where it stopped"]),
    ("a machine for which there is no Go", ROOT | ALL_THERE | {"uname": "echo vax", "go": "echo go1.19"}, "peers", 1, ["tools/toolchains has none for vax: install it from https://go.dev/dl"]),
    ("what fails without a sentence of its own gets one", ROOT | {"rm": "exit 9"}, "clean", 9, ["ended with status 9 while it was at: beginning", "line ", "rm -rf build"]),
    ("sudo is told of the proxy", SOMEBODY | {"sudo": 'echo "$*" >>$HOME/sudo; "$@"'} | BUILDS | apt("", 0), "build", 0, [], "", "sudo", "http_proxy=http://proxy.example:3128"),
]


def machine(folder, repository, programs):
    """A folder with a PATH in bin and a copy of what ./run reads in quoin."""
    os.makedirs(f"{folder}/bin")
    for part in COPIED:
        target = f"{folder}/quoin/{part}"
        os.makedirs(os.path.dirname(target), exist_ok=True)
        (shutil.copytree if os.path.isdir(f"{repository}/{part}") else shutil.copy)(f"{repository}/{part}", target)
    for name in NEEDED:
        os.symlink(shutil.which(name), f"{folder}/bin/{name}")
    for name, script in programs.items():
        path = f"{folder}/bin/{name.replace('_', '-')}"
        if os.path.lexists(path):
            os.remove(path)
        with open(path, "w") as file:
            file.write(f"#!{shutil.which('bash')}\n{script}\n")
        os.chmod(path, 0o755)


def start(folder, words):
    environment = {"PATH": f"{folder}/bin", "HOME": folder, "QUOIN_PEERS": f"{folder}/cache/peers", "TMPDIR": folder, "http_proxy": "http://proxy.example:3128"}
    return subprocess.Popen([f"{folder}/bin/bash", f"{folder}/quoin/run", *words.split()], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                            stdin=subprocess.DEVNULL, env=environment, start_new_session=True)


def sentences(said):
    return [line for line in said.splitlines() if line.startswith("run: ")]


def check(folder, repository, name, programs, words, code, parts, also="", file=None, holds=""):
    machine(folder, repository, programs)
    process = start(folder, words)
    said, _ = process.communicate(timeout=60)
    ours = sentences(said)
    good = process.returncode == code and len(ours) == (1 if code else 0) and all(part in ours[0] for part in parts) and re.search(also, said)
    if good and file:
        with open(f"{folder}/{file}") as text:
            good = holds in text.read()
    return bool(good), f"{name}: {ours if ours else said[-300:]} (exit {process.returncode})"


def check_interrupted(folder, repository):
    """Ctrl-C while it configures: a sentence; nothing that was begun beside it goes on."""
    name = "an interrupted run says so, and ends what it began"
    machine(folder, repository, ROOT | ALL_THERE | {"cmake": "echo >$HOME/begun; sleep 60"})
    process = start(folder, "build")
    for _ in range(300):
        if os.path.exists(f"{folder}/begun"):
            break
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGINT)
    said, _ = process.communicate(timeout=30)
    ours = sentences(said)
    good = process.returncode == 130 and len(ours) == 1 and "interrupted while it was at: configuring" in ours[0] and "goes on where it stopped" in ours[0]
    return good, f"{name}: {said[-300:]} (exit {process.returncode})"


def main(repository):
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as scratch, concurrent.futures.ThreadPoolExecutor(4) as pool:
        begun = [pool.submit(check, f"{scratch}/{number}", repository, *case) for number, case in enumerate(CASES)]
        begun.append(pool.submit(check_interrupted, f"{scratch}/interrupted", repository))
        failed = 0
        for one in begun:
            good, what = one.result()
            failed += not good
            print(f"{'ok  ' if good else 'FAIL'} {what}")
    return failed


sys.exit(1 if main(*sys.argv[1:]) else 0)
