"""What the system tests share: their registration, and one lab with one agent and one engineer, made when first asked for."""
import concurrent.futures
import contextlib
import os
from dataclasses import dataclass
from typing import Callable

from site_lab import Agent, Failure, Lab  # noqa: F401


@dataclass
class Test:
    sentence: str
    function: Callable
    file: str
    long: bool
    at_a_seat: bool  # its file says AT_A_SEAT: its tests need no lab, or the last of them only


_registered = []


def _marked(sentence, long):
    def mark(function):
        file = os.path.basename(function.__code__.co_filename)[:-3]
        _registered.append(Test(sentence, function, file, long, function.__globals__.get("AT_A_SEAT", False)))
        return function

    return mark


def test(sentence):
    return _marked(sentence, long=False)


def long_test(sentence):
    return _marked(sentence, long=True)


def take_registered():
    taken = list(_registered)
    _registered.clear()
    return taken


def expect(condition, otherwise):
    if not condition:
        raise Failure(otherwise)


class World:
    def __init__(self):
        self._lab = self._agent = None
        self._engineer = None
        self._making = None

    def make_lab_meanwhile(self):
        """The lab and its engineer are made in the background; whoever asks for the lab first waits for it."""
        self._making = concurrent.futures.ThreadPoolExecutor(1).submit(self._lab_with_engineer)

    @staticmethod
    def _lab_with_engineer():
        lab = Lab()
        try:
            lab.up()
            lab.engineer()
        except BaseException:
            lab.down()
            raise
        return lab

    def _await_lab(self):
        if making := self._making:
            self._making = None
            self._lab = making.result()
            self._engineer = ("tun", None)

    @property
    def lab(self):
        self._await_lab()
        if self._lab is None:
            self._lab = Lab()
            self._lab.up()
        return self._lab

    @property
    def agent(self):
        """Our agent at its seat, running; opened and closed by the tests."""
        if self._agent is None:
            self._agent = Agent(self.lab)
        if self._agent.process is None or self._agent.process.poll() is not None:
            self._agent.start()
        return self._agent

    def engineer(self, form="tun", client=None):
        """Alice's tailscaled is up, in this form and from this folder (none: the everyday version)."""
        self._await_lab()
        if self._engineer != (form, client):
            self._engineer = None
            self.lab.engineer(form, "alice", client)
            self._engineer = (form, client)

    def forget_engineer(self):
        """Whoever asks for the engineer next gets a fresh one."""
        self._engineer = None

    def opened(self, device="mfp"):
        """The device is open and alice is up: its status."""
        self.engineer()
        return self.agent.opened(device) or self.agent.open(device)

    def show_logs(self):
        if self._agent is not None:
            print("     agent's log ends: " + self._agent.log_tail(1500).replace("\n", "\n     "))
            with contextlib.suppress(OSError, ValueError):
                records = [r for r in self._agent.audit() if r["event"] not in ("flow", "flow_opened")]
                for record in records[-4:]:
                    print("     recorded: " + ", ".join(f"{key} {value}" for key, value in record.items()))

    def end(self):
        with contextlib.suppress(Exception):  # what could not be made has been taken down
            self._await_lab()
        if self._agent is not None:
            try:
                self._agent.stop()
            except Failure as problem:
                print(f"     {problem}")
        if self._lab is not None:
            self._lab.down()
