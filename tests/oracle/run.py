#!/usr/bin/env python3
"""Plays the table of the oracle: our TCP/IP stack against the kernel's, byte by byte.

usage: run.py [--long] [--only TEXT] [--program FILE] [--jobs N] [--seed N] [--report FILE] [--traces FOLDER] [--list]

Each case runs in a process and a network namespace of its own; several run at once. A line says "ok", "FAIL" or "SKIP" and
the sentence of the case. The packets of a case that failed are kept as pcapng files for Wireshark, one for either end of the
link. The same seed gives each packet the same fate, though the kernel's own timing may differ. Without --long a
selection of under half a minute is played. There are no demands on time, only limits beyond which a case counts as hung.
Exit code 77 without root or /dev/net/tun: nothing could be tried.
"""
import argparse
import os
import select
import signal
import sys
import tempfile
import time
import traceback
import zlib

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import table  # noqa: E402
from kernel_side import Failure, Network, Skipped, become_parent_of_orphans, enter_new_network  # noqa: E402

HERE = os.path.dirname(os.path.abspath(__file__))
PROGRAM = os.path.join(HERE, "..", "..", "build", "release", "bin", "quoin-oracle")
SKIPPED = 77


class Running:
    """A case in its own process, which tells its verdict through a pipe."""

    def __init__(self, case, options):
        self.case = case
        self.trace = os.path.join(options.traces, case.file_name())
        self.began = time.monotonic()
        self.verdict = b""
        self.pipe, told = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            os.close(self.pipe)
            os.setsid()
            os._exit(play(case, options, self.trace, told))
        os.close(told)

    def traces(self):
        return [f"{self.trace}.{place}.pcapng" for place in ("kernel", "stack")]

    def overdue(self):
        return time.monotonic() - self.began > self.case.hang_limit

    def hear(self):
        """True while the case still runs."""
        piece = os.read(self.pipe, 65536)
        self.verdict += piece
        return bool(piece)

    def end(self):
        os.close(self.pipe)
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        # Its quoin-oracle ends with its input, once the trace is written.
        end = time.monotonic() + 5
        while time.monotonic() < end:
            try:
                os.waitpid(-self.pid, os.WNOHANG)
                time.sleep(0.002)
            except ChildProcessError:
                break
        else:
            os.killpg(self.pid, signal.SIGKILL)
        return self.verdict.decode(errors="replace")


def play(case, options, trace, told):
    def tell(text):
        os.write(told, text.encode())

    network = None
    try:
        enter_new_network()
        network = Network(options.program, trace, options.seed + zlib.crc32(case.sentence.encode()))
        note = case.function(network)
        network.stop()
        tell("ok " + (note or ""))
    except Skipped as reason:
        tell(f"SKIP {reason}")
    except Failure as problem:
        tell(f"FAIL {problem}")
    except BaseException:  # whatever it is, it is this case's failure
        tell("FAIL " + traceback.format_exc())
    return 0


def play_all(cases, options, say):
    waiting, running, counted = list(cases), [], {"ok": 0, "FAIL": 0, "SKIP": 0}
    while waiting or running:
        while waiting and len(running) < (1 if any(r.case.alone for r in running) else options.jobs):
            if waiting[0].alone and running:
                break
            running.append(Running(waiting.pop(0), options))
        heard = select.select([r.pipe for r in running], [], [], 0.5)[0]
        for one in list(running):
            hung = one.overdue()
            if not hung and (one.pipe not in heard or one.hear()):
                continue
            verdict = one.end()
            running.remove(one)
            word, _, text = verdict.partition(" ")
            if hung:
                word, text = "FAIL", f"hung for {one.case.hang_limit} s"
            word = word if word in ("ok", "SKIP") else "FAIL"
            counted[word] += 1
            say(word, one.case, time.monotonic() - one.began, text or ("the case died" if word == "FAIL" else ""), one.traces())
            for path in one.traces():
                if word != "FAIL" and os.path.exists(path) and not options.keep:
                    os.unlink(path)
    return counted


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--long", action="store_true", help="the whole table")
    parser.add_argument("--only", default="", help="cases whose sentence has this text")
    parser.add_argument("--program", default=PROGRAM)
    parser.add_argument("--jobs", type=int, default=8)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--report")
    parser.add_argument("--traces", help="folder for the traces of failed cases")
    parser.add_argument("--keep", action="store_true", help="keep the traces of cases that went well, too")
    parser.add_argument("--list", action="store_true")
    options = parser.parse_args()
    options.program = os.path.abspath(options.program)
    cases = [c for c in table.cases() if (options.long or c.short) and options.only.lower() in c.sentence.lower()]
    if options.list:
        for case in cases:
            print(case.sentence)
        return 0
    report = open(options.report, "w") if options.report else None

    def write(word, sentence):
        if report:
            report.write(f"{word} oracle: {sentence}\n")
            report.flush()

    if os.geteuid() != 0 or not os.path.exists("/dev/net/tun"):
        print(f"SKIPPED: {len(cases)} cases against the kernel's TCP/IP need root and /dev/net/tun (modprobe tun; in a container: "
              "--cap-add NET_ADMIN,SYS_ADMIN --device /dev/net/tun)")
        for case in cases:
            write("SKIP", case.sentence)
        return SKIPPED
    if not os.path.exists(options.program):
        print(f"{options.program} is not built: ninja -C BUILD quoin-oracle", file=sys.stderr)
        return 1
    options.traces = options.traces or tempfile.mkdtemp(prefix="quoin-oracle-")
    os.makedirs(options.traces, exist_ok=True)

    def say(word, case, seconds, text, traces):
        note = f": {text}" if word != "FAIL" and text else ""
        print(f"{word:<4} {case.sentence} ({seconds:.1f} s){note}", flush=True)
        if word == "FAIL":
            print("     " + text.strip().replace("\n", "\n     ") + "".join(f"\n     trace: {path}" for path in traces), flush=True)
        write(word, case.sentence)

    began = time.monotonic()
    become_parent_of_orphans()
    counted = play_all(cases, options, say)
    print(f"{counted['ok']} oracle cases passed, {counted['FAIL']} failed, {counted['SKIP']} skipped in {time.monotonic() - began:.0f} s")
    if not os.listdir(options.traces):
        os.rmdir(options.traces)
    return 1 if counted["FAIL"] else 0


if __name__ == "__main__":
    sys.exit(main())
