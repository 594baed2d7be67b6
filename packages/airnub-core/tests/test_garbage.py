"""Garbage."""

import gc
import weakref

import pytest

from airnub_core.garbage import RARELY, collected_rarely


@pytest.fixture
def thresholds():
    """Those of somebody who has set his own."""
    before, enabled = gc.get_threshold(), gc.isenabled()
    gc.set_threshold(701, 11, 12)
    gc.enable()
    yield 701, 11, 12
    gc.set_threshold(*before)
    if not enabled:
        gc.disable()


def test_it_is_collected_rarely_while_a_block_runs(thresholds):
    """Then it is as before, however the block has ended."""

    def fail():
        with collected_rarely():
            assert gc.get_threshold() == RARELY
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert gc.get_threshold() == thresholds


def test_blocks_that_overlap(thresholds):
    """The last one to end puts it back."""
    first, second = collected_rarely(), collected_rarely()
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    assert gc.get_threshold() == RARELY
    second.__exit__(None, None, None)
    assert gc.get_threshold() == thresholds


def test_cycles_are_freed_all_the_same(thresholds):
    """Only later."""
    assert thresholds

    class Cycle:
        def __init__(self):
            self.itself = self

    with collected_rarely():
        cycle = weakref.ref(Cycle())
        kept = []
        for _ in range(10):
            kept.append([[] for _ in range(RARELY[0])])
            if cycle() is None:
                break
    assert cycle() is None
    assert kept
