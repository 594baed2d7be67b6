"""Buffers."""

import threading

import pytest

from airnub_core.http.buffers import LARGEST, SMALLEST, SPARE, Buffers

MIB = 1024 * 1024


@pytest.mark.parametrize(
    ("connections", "budget", "size"),
    [(1, 32 * MIB, LARGEST), (56, 16 * MIB, 256 * 1024), (16, 16 * MIB, 640 * 1024), (1024, MIB, SMALLEST)],
)
def test_their_size_is_what_the_budget_allows(connections, budget, size):
    """In whole pages, which the disk likes, and neither too small nor larger than is of use."""
    buffers = Buffers(connections, budget)
    assert buffers.size == size
    assert buffers.size % 4096 == 0


def test_there_are_so_many_and_no_more():
    """Who wants one more waits until one is given back, and has that, empty."""
    buffers = Buffers(2, MIB)
    taken = [buffers.take() for _ in range(2 + SPARE)]
    assert len({id(buffer.view) for buffer in taken}) == 2 + SPARE
    assert all((buffer.filled, len(buffer.view)) == (0, buffers.size) for buffer in taken)
    got = []
    waiting = threading.Thread(target=lambda: got.append(buffers.take()))
    waiting.start()
    taken[3].filled = 17
    buffers.give_back(taken[3])
    waiting.join()
    assert got == [taken[3]]
    assert taken[3].filled == 0


def test_one_is_used_again_before_another_is_made():
    """Memory that was touched is cheaper than memory that was not."""
    buffers = Buffers(1, MIB)
    first = buffers.take()
    buffers.give_back(first)
    assert buffers.take() is first
