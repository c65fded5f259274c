#!/usr/bin/env python3
"""Runs the system tests: real peers, the printer lab, our programs.

usage: run.py [--long] [--report FILE] [--only TEXT] [--keep] [--until TIME] [--count-skipped]

A test is a function in a file test_*.py of this folder, marked with @test("sentence") or @long_test("sentence"); it gets the World
and raises on failure. Each file's tests run in the order they stand in; those that need no lab come first, while it is made. --only runs those whose sentence or file has TEXT;
--keep leaves the lab up after a failure; with --until, in seconds since 1970, no test begins later, and those left are said and
counted as skipped.
"""
import argparse
import glob
import importlib
import os
import sys
import time
import traceback

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import world  # noqa: E402


def collect():
    tests = []
    for path in sorted(glob.glob(os.path.join(os.path.dirname(os.path.abspath(__file__)), "test_*.py"))):
        importlib.import_module(os.path.basename(path)[:-3])
        tests += world.take_registered()
    return tests


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--long", action="store_true")
    parser.add_argument("--report")
    parser.add_argument("--only", default="")
    parser.add_argument("--keep", action="store_true")
    parser.add_argument("--until", type=float, default=float("inf"))
    parser.add_argument("--count-skipped", action="store_true")
    options = parser.parse_args()
    tests = [t for t in collect() if t.long == options.long and options.only.lower() in f"{t.file} {t.sentence}".lower()]
    report = open(options.report, "w") if options.report else None

    def say(word, test):
        if report:
            report.write(f"{word} {test.file}: {test.sentence}\n")
            report.flush()

    if options.count_skipped:
        for test in tests:
            say("SKIP", test)
        print(f"{len(tests)} system tests skipped")
        return 0
    if os.geteuid() != 0:
        print("the system tests need root: they make network namespaces", file=sys.stderr)
        return 1
    passed = failed = skipped = 0
    here = world.World()
    began = time.monotonic()
    tests.sort(key=lambda test: not test.at_a_seat)
    if tests and tests[0].at_a_seat and not tests[-1].at_a_seat:
        here.make_lab_meanwhile()
    try:
        for test in tests:
            start = time.monotonic()
            if time.time() > options.until:
                skipped += 1
                print(f"SKIP {test.sentence}: the time for these tests is over", flush=True)
                say("SKIP", test)
                continue
            try:
                test.function(here)
            except Exception as problem:  # any failure of one test must not hide the others
                failed += 1
                print(f"FAIL {test.sentence} ({time.monotonic() - start:.1f} s)\n     {problem}", flush=True)
                if not isinstance(problem, world.Failure):
                    traceback.print_exc()
                here.show_logs()
                say("FAIL", test)
                if options.keep:
                    break
            else:
                passed += 1
                print(f"ok   {test.sentence} ({time.monotonic() - start:.1f} s)", flush=True)
                say("ok", test)
    finally:
        if not (options.keep and failed):
            here.end()
    left_out = f", {skipped} skipped" if skipped else ""
    print(f"{passed} of {len(tests)} system tests passed{left_out} in {time.monotonic() - began:.0f} s")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
