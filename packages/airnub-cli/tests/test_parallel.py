"""Processes: results in the order of items, whatever becomes of a process."""

import os
import subprocess
import sys
from functools import partial

import pytest

from airnub_cli import parallel
from airnub_cli.parallel import FEW, map_in_processes


def doubled(number):
    return number * 2, os.getpid()


def ended(parent, number):
    """One of the items ends its process."""
    if number == 3 and os.getpid() != parent:
        os._exit(1)
    return number


def raised(number):
    raise ValueError(number)


def nothing():
    """No preparation."""


def test_few_items_need_no_process():
    """They are done here."""
    assert map_in_processes(doubled, range(FEW - 1), nothing, nothing) == [(n * 2, os.getpid()) for n in range(FEW - 1)]


MANY = """
import os
from airnub_cli.parallel import map_in_processes

def doubled(number):
    return number * 2, os.getpid()

prepared = []
found = map_in_processes(doubled, range(50), lambda: prepared.append(os.getpid()), lambda: None)
assert [result for result, _ in found] == [n * 2 for n in range(50)]
assert os.getpid() not in {process for _, process in found}
assert prepared == [os.getpid()]
"""


@pytest.mark.skipif(sys.platform != "linux", reason="processes are forked on Linux alone")
def test_many_items():
    """In their order, elsewhere; what is prepared is prepared here, once. In a process without the threads of tests."""
    subprocess.run([sys.executable, "-c", MANY], check=True)


def test_a_process_that_ends():
    """All is done here then."""
    assert map_in_processes(partial(ended, os.getpid()), range(20), nothing, nothing) == list(range(20))


def test_an_error():
    """It comes out."""
    with pytest.raises(ValueError, match="0"):
        map_in_processes(raised, range(20), nothing, nothing)


def test_nothing_is_forked_beside_threads(monkeypatch):
    """Locks that they hold would be held for ever."""
    monkeypatch.setattr(parallel.threading, "active_count", lambda: 2)
    assert {process for _, process in map_in_processes(doubled, range(50), nothing, nothing)} == {os.getpid()}
