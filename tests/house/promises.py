#!/usr/bin/env python3
"""Looks for every test that SECURITY.md names beside a promise.

usage: promises.py CHECKOUT

In its last table a file in backticks is followed by parts of the names of tests in that file, in quotes. Each of the six promises must have one.
"""
import os
import re
import sys

(checkout,) = sys.argv[1:]
with open(os.path.join(checkout, "SECURITY.md")) as file:
    table = file.read().split("## Each promise and its test", 1)[1]
rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines() if line.startswith("|") and "---" not in line][1:]
failed, tests, promised = 0, 0, set()
for promise, what, named in rows:
    promised.add(promise)
    found = re.findall(r'`([^`]+)`|"([^"]+)"', named)
    text, path = None, None
    for file_name, words in found:
        if file_name:
            path = os.path.join(checkout, file_name)
            text = open(path).read() if os.path.exists(path) else ""
            continue
        tests += 1
        if not text or words not in text:
            failed += 1
            print(f"FAIL SECURITY.md, {what!r}: there is no test {words!r} in {path}")
    if not any(words for _, words in found):
        failed += 1
        print(f"FAIL SECURITY.md, {what!r}: no test is named")
for promise in set("123456") - promised:
    failed += 1
    print(f"FAIL SECURITY.md: promise {promise} has no row")
print(f"{tests} tests are named for {len(rows)} things that must not happen")
sys.exit(1 if failed or not tests else 0)
