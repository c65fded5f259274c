#!/usr/bin/env python3
"""Reads the undefined symbols of pure archives and names every one that the allow-list does not have.

usage: purity.py ALLOWED ARCHIVE...

A pure layer takes bytes and the time and gives bytes and events. Whatever it could ask of the system (clock, socket, thread,
file, entropy) is an undefined symbol of its archive. libsodium's key-pair calls take entropy without saying so; only the
functions named in the allow-list may be called.
"""
import re
import subprocess
import sys


def undefined(archive):
    out = subprocess.run(["llvm-nm-19", "--undefined-only", "--just-symbol-name", "--no-sort", archive],
                         capture_output=True, text=True, check=True).stdout
    return {line.strip() for line in out.splitlines() if line.strip() and not line.endswith(":")}


def defined(archive):
    out = subprocess.run(["llvm-nm-19", "--defined-only", "--just-symbol-name", archive], capture_output=True, text=True, check=True).stdout
    return {line.strip() for line in out.splitlines() if line.strip() and not line.endswith(":")}


def demangled(symbols):
    ordered = sorted(symbols)
    out = subprocess.run(["llvm-cxxfilt-19"], input="\n".join(ordered), capture_output=True, text=True, check=True).stdout
    return dict(zip(ordered, out.splitlines()))


def main():
    rules = [line.split("#")[0].strip() for line in open(sys.argv[1])]
    allowed = re.compile("|".join(f"(?:{rule})" for rule in rules if rule and not rule.startswith("never ")))
    never = [re.compile(rule[len("never "):]) for rule in rules if rule.startswith("never ")]
    archives = sys.argv[2:]
    ours = set().union(*(defined(archive) for archive in archives))
    bad = 0
    for archive in archives:
        for symbol, name in demangled(undefined(archive) - ours).items():
            if any(rule.search(name) for rule in never) or not allowed.fullmatch(name):
                print(f"{archive.rsplit('/', 1)[-1]} calls {name}: a pure layer may not; pass what it needs in from io, "
                      f"or, if it is a pure function, add it to tests/house/pure_symbols.txt with the reason")
                bad += 1
    if bad:
        sys.exit(1)
    print(f"{len(archives)} archives are pure")


main()
