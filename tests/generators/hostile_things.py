"""Objects whose pickles call something, and a record of what Python runs meanwhile."""

import codecs
import collections
import functools
import io
import operator
import os
import pickle
import subprocess
import sys
from contextlib import contextmanager

import torch

WATCHED = (
    "os.system",
    "subprocess.Popen",
    "exec",
    "compile",
    "pickle.find_class",
    "socket.connect",
)
_seen = None


def _hook(event, arguments):
    if _seen is not None and event in WATCHED:
        _seen.append((event, arguments))


@contextmanager
def watched():
    """The list of dangerous events of Python's audit during the block."""
    global _seen
    if not _hook.__dict__.get("added"):
        sys.addaudithook(_hook)
        _hook.added = True
    _seen = events = []
    try:
        yield events
    finally:
        _seen = None


class Calls:
    """Pickled as a call of ``function`` with ``arguments``."""

    def __init__(self, function, *arguments):
        self.parts = function, arguments

    def __reduce__(self):
        return self.parts

    def __call__(self):
        """So that it may itself stand for the function of a call."""


class WithState:
    """Pickled as a call whose result gets attributes, items and entries."""

    def __init__(self, function, arguments, state, items=(), entries=()):
        self.parts = function, arguments, state, iter(items), iter(entries)

    def __reduce__(self):
        return self.parts


class Storage:
    """Pickled as a tensor's numbers that are ``raw`` bytes."""

    def __init__(self, raw):
        self.raw = raw

    def __reduce__(self):
        return torch.storage._load_from_bytes, (self.raw,)


def saved(thing, zipped=False):
    buffer = io.BytesIO()
    torch.save(thing, buffer, _use_new_zipfile_serialization=zipped)
    return buffer.getvalue()


def commands(mark):
    """Objects, by name, whose unpickling would make the file ``mark``."""
    touch = f"touch {mark}"
    source = f"open({str(mark)!r}, 'w').close()"
    system = Calls(os.system, touch)
    return {
        "os.system": system,
        "exec": Calls(exec, source),
        "eval": Calls(eval, source),
        "compiled": Calls(exec, Calls(compile, source, "x", "exec")),
        "subprocess": Calls(subprocess.check_output, ["touch", str(mark)]),
        "opened": Calls(open, str(mark), "w"),
        "partial": Calls(functools.partial(os.system, touch)),
        "chain": Calls(Calls(getattr, Calls(__import__, "os"), "system"), touch),
        "methodcaller": Calls(operator.methodcaller("system", touch), Calls(__import__, "os")),
        "state": WithState(collections.Counter, (), {"x": system}, entries=[("k", system)]),
        "nested pickle": Calls(pickle.loads, pickle.dumps(system)),
        "dictionary of it": Calls(collections.OrderedDict, [["a", system]]),
        "storage": Storage(saved(system)),
        "zipped storage": Storage(saved(system, zipped=True)),
        "torch.load": Calls(torch.load, Calls(io.BytesIO, saved(system)), None, None),
        "codec": Calls(codecs.decode, Calls(exec, source), "utf-8"),
    }


NAMES = tuple(commands("x"))
