#!/usr/bin/env python3
"""Shows that an undeclared include does not compile: takes a layer's own compile command, gives it a file that includes a
header of a layer it does not name, and expects the compiler to refuse; then one that it does name, and expects success.

usage: layering.py BUILD_FOLDER
"""
import json
import os
import shlex
import subprocess
import sys
import tempfile

build = sys.argv[1]
commands = json.load(open(os.path.join(build, "compile_commands.json")))


def compile_in(layer, source):
    """Compiles SOURCE with the flags of the first file of a layer; returns (exit code, errors)."""
    command = next(c for c in commands if f"/src/{layer}/" in c["file"] and "_test" not in c["file"])
    words = shlex.split(command["command"])
    words = [w for w in words if not w.endswith("ccache")]
    words = words[: words.index("-o")]
    with tempfile.NamedTemporaryFile("w", suffix=".cc") as file:
        file.write(source)
        file.flush()
        done = subprocess.run(words + ["-fsyntax-only", file.name], cwd=command["directory"], capture_output=True, text=True)
    return done.returncode, done.stderr


failed = 0
for layer, header, may in [
    ("crypto", "base/bytes.h", True),
    ("crypto", "wireguard/interface.h", False),
    ("gate", "pair/messages.h", True),
    ("gate", "netstack/stack.h", False),
    ("gate", "control/client.h", False),
    ("gate", "wireguard/interface.h", False),
    ("netstack", "io/clock.h", False),
    ("wireguard", "path/paths.h", False),
]:
    if not os.path.exists(os.path.join(os.path.dirname(__file__), "../../src", header)):
        print(f"FAIL src/{header} does not exist: name another header of that layer in this test")
        failed += 1
        continue
    code, errors = compile_in(layer, f'#include "{header}"\n')
    refused = code != 0 and "file not found" in errors
    ok = (code == 0) if may else refused
    failed += not ok
    print(f"{'ok  ' if ok else 'FAIL'} {layer} {'may' if may else 'may not'} include {header}" + ("" if ok else "\n" + errors))
sys.exit(1 if failed else 0)
