"""What the system tests share: their registration, and one lab with one agent and one engineer, made when first asked for."""
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


_registered = []


def _marked(sentence, long):
    def mark(function):
        _registered.append(Test(sentence, function, os.path.basename(function.__code__.co_filename)[:-3], long))
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

    @property
    def lab(self):
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

    def end(self):
        if self._agent is not None:
            try:
                self._agent.stop()
            except Failure as problem:
                print(f"     {problem}")
        if self._lab is not None:
            self._lab.down()
