"""Devices that do what real ones do and few expect: the programs of tests/odd_devices, each started by its name.

    with OddDevice(lab, "laser", 80, "early_answer", 401, 300) as device:     # in place of what listens on that port there
        device.line()                                                        # what it says next, without the newline
"""
import contextlib
import os
import queue
import subprocess
import threading

from site_lab import ROOT, Failure

FOLDER = os.path.join(ROOT, "tests", "odd_devices")
OWN_PORT = 31900  # and those that follow, one for each port that is taken over


class OddDevice:
    def __init__(self, lab, host, port, name, *arguments, udp=False):
        self.lab, self.host, self.port, self.udp = lab, host, port, udp
        self.words = ["python3", os.path.join(FOLDER, name + ".py"), str(OWN_PORT + port % 100), *map(str, arguments)]
        self._table = f"odd_{'udp' if udp else 'tcp'}_{port}"

    def __enter__(self):
        self.process = self.lab.start(self.host, *self.words, stdout=subprocess.PIPE, text=True)
        self._lines = queue.Queue()
        threading.Thread(target=self._listen, daemon=True).start()
        if self.line() != "ready":
            raise Failure(f"{self.words[1]} does not start")
        kind = "udp" if self.udp else "tcp"
        rules = (f"table inet {self._table} {{\nchain in {{\ntype nat hook prerouting priority dstnat\n"
                 f"{kind} dport {self.port} redirect to :{self.words[2]}\n}}\n}}\n")
        self.lab.run(self.host, "nft", "-f", "-", input=rules.encode(), check=True)
        return self

    def __exit__(self, *_):
        with contextlib.suppress(Failure):
            self.lab.run(self.host, "nft", "delete", "table", "inet", self._table, check=True)
        self.process.kill()
        self.process.wait()

    def line(self, seconds=10):
        try:
            return self._lines.get(timeout=seconds)
        except queue.Empty:
            raise Failure(f"{self.words[1]} says nothing within {seconds} s") from None

    def _listen(self):
        for line in self.process.stdout:
            self._lines.put(line.rstrip("\n"))
