"""Threads for hashing and writing."""

import threading

import pytest

from airnub_core.http.io_threads import MAX_THREADS, IoThreads, SerialExecutor


def test_a_lane_does_one_thing_after_the_other():
    """In the order of being put in, in a thread of its own; it is closed when all is done."""
    thread, done = SerialExecutor("thread"), []
    for number in range(100):
        thread.put(lambda *arguments: done.append((*arguments, threading.current_thread().name)), number)
    thread.close()
    assert done == [(number, "thread") for number in range(100)]


def test_what_is_hashed_is_still_written():
    """Closing waits for what the first kind of thread hands on to the second."""
    threads, done = IoThreads(), []
    for _ in range(2 * MAX_THREADS):
        hashing, writing = threads.next()
        hashing.put(lambda writing=writing: writing.put(done.append, 1))
    threads.close()
    assert done == [1] * (2 * MAX_THREADS)


def test_files_take_turns():
    """Each has a pair of its own, as long as there are any."""
    threads = IoThreads()
    try:
        pairs = [threads.next() for _ in range(2 * MAX_THREADS)]
    finally:
        threads.close()
    number = len(set(pairs))
    assert 1 <= number <= MAX_THREADS
    assert pairs[:number] == pairs[number : 2 * number]
    assert all(hashing is not writing for hashing, writing in pairs)


def test_an_unexpected_error_stops_no_other_job():
    """All that was put in is done, in every thread, and the first error is raised at the end."""
    threads, done = IoThreads(), []
    hashing, writing = threads.next()
    for thread in (hashing, writing):
        for number in (1, 0):
            thread.put(lambda number=number: done.append(1 // number))
        thread.put(done.append, 2)
    with pytest.raises(ZeroDivisionError):
        threads.close()
    assert sorted(done) == [1, 1, 2, 2]
    assert not [thread for thread in threading.enumerate() if thread.name.startswith(("airnub-hash", "airnub-write"))]
