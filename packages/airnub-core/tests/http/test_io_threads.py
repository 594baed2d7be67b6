"""Lanes."""

import threading

import pytest

from airnub_core.download.lanes import MAX_LANES, Lane, Lanes


def test_a_lane_does_one_thing_after_the_other():
    """In the order of being put in, in a thread of its own; it is closed when all is done."""
    lane, done = Lane("lane"), []
    for number in range(100):
        lane.put(lambda *arguments: done.append((*arguments, threading.current_thread().name)), number)
    lane.close()
    assert done == [(number, "lane") for number in range(100)]


def test_what_is_hashed_is_still_written():
    """Closing waits for what the first kind of lane hands on to the second."""
    lanes, done = Lanes(), []
    for _ in range(2 * MAX_LANES):
        hashing, writing = lanes.next()
        hashing.put(lambda writing=writing: writing.put(done.append, 1))
    lanes.close()
    assert done == [1] * (2 * MAX_LANES)


def test_files_take_turns():
    """Each has a pair of its own, as long as there are any."""
    lanes = Lanes()
    try:
        pairs = [lanes.next() for _ in range(2 * MAX_LANES)]
    finally:
        lanes.close()
    number = len(set(pairs))
    assert 1 <= number <= MAX_LANES
    assert pairs[:number] == pairs[number : 2 * number]
    assert all(hashing is not writing for hashing, writing in pairs)


def test_an_unexpected_error_stops_no_other_job():
    """All that was put in is done, in every lane, and the first error is raised at the end."""
    lanes, done = Lanes(), []
    hashing, writing = lanes.next()
    for lane in (hashing, writing):
        for number in (1, 0):
            lane.put(lambda number=number: done.append(1 // number))
        lane.put(done.append, 2)
    with pytest.raises(ZeroDivisionError):
        lanes.close()
    assert sorted(done) == [1, 1, 2, 2]
    assert not [thread for thread in threading.enumerate() if thread.name.startswith(("airnub-hash", "airnub-write"))]
