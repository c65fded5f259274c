"""Collects the cases: a case is a sentence and a function of a Network, which raises on failure."""
import importlib
import re

PARTS = ["transfers", "options", "windows", "closing", "resets", "opening", "datagrams", "paths", "mixed", "forged", "many"]
registered = []


class Case:
    def __init__(self, sentence, function, short, hang_limit, alone):
        self.sentence, self.function, self.short, self.hang_limit, self.alone = sentence, function, short, hang_limit, alone

    def file_name(self):
        return re.sub(r"[^a-z0-9.]+", "_", self.sentence.lower())[:100]


def add(sentence, function, short=False, hang_limit=120, alone=False):
    """SHORT: part of the short form. ALONE: nothing else runs meanwhile."""
    registered.append(Case(sentence, function, short, hang_limit, alone))


def case(sentence, **options):
    def decorate(function):
        add(sentence, function, **options)
        return function
    return decorate


def cases():
    for part in PARTS:
        importlib.import_module(f"cases_{part}")
    names = [c.file_name() for c in registered]
    assert len(set(names)) == len(names), "two cases with one name"
    return registered
