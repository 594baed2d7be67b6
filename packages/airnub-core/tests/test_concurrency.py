"""Concurrency."""

import asyncio
import os
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from airnub_core.concurrency import in_order, in_thread, together


def test_results_come_in_the_order_of_the_jobs():
    """Whichever ends first."""

    async def main():
        last = asyncio.Event()

        async def first():
            await last.wait()
            return 1

        async def second():
            last.set()
            return 2

        return await together([first(), second()])

    assert asyncio.run(main()) == [1, 2]


def test_an_error_is_raised_as_it_is_when_all_have_ended():
    """No group, its cause kept; the others are cancelled and have cleaned up."""
    cause, ended = OSError("disk"), []

    async def fail():
        raise ValueError("job") from cause

    async def wait():
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            ended.append("other")

    async def main():
        await together([wait(), fail()])

    with pytest.raises(ValueError, match="job") as error:
        asyncio.run(main())
    assert error.value.__cause__ is cause
    assert ended == ["other"]


def test_no_jobs_have_no_results():
    """Nothing is done at once."""
    assert asyncio.run(together([])) == []


class Work:
    """Work in a thread, that goes on until it is told to stop, and then until it may end."""

    def __init__(self):
        self.begun, self.told, self.may_end, self.ended = (threading.Event() for _ in range(4))

    def __call__(self):
        self.begun.set()
        self.told.wait()
        self.may_end.wait()
        self.ended.set()
        return "done"


@pytest.mark.parametrize("is_long", [False, True])
def test_work_in_a_thread(is_long):
    """Its result or its error is that of the call."""
    assert asyncio.run(in_thread(lambda: "done", is_long=is_long)) == "done"
    with pytest.raises(ZeroDivisionError):
        asyncio.run(in_thread(lambda: 1 / 0, is_long=is_long))


def test_many_works_share_a_few_threads():
    """Except long ones, which would keep the others waiting."""
    names = set()

    async def main():
        await asyncio.gather(*(in_thread(lambda: names.add(threading.current_thread().name)) for _ in range(200)))

    asyncio.run(main())
    assert 1 <= len(names) <= (os.cpu_count() or 1) + 4


@pytest.mark.parametrize("is_long", [False, True])
def test_who_is_cancelled_waits_for_the_thread(is_long):
    """However often, and though every task is: as a loop does that is ended by a signal."""
    work = Work()

    async def main():
        waiting = asyncio.create_task(in_thread(work, work.told.set, is_long=is_long))
        await asyncio.to_thread(work.begun.wait)
        for _ in range(3):
            for task in asyncio.all_tasks() - {asyncio.current_task()}:
                task.cancel()
            await asyncio.sleep(0.01)
        assert work.told.is_set()
        assert not waiting.done()
        work.may_end.set()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        assert work.ended.is_set()

    asyncio.run(main())


def test_a_pool_runs_a_limited_number_ahead():
    """Results are in the order of the inputs; the next input is read only when one is consumed."""
    read = []

    def inputs():
        for number in range(10):
            read.append(number)
            yield number

    with ThreadPoolExecutor(2) as pool:
        results = in_order(pool, lambda number: number * 2, inputs(), 3)
        assert next(results) == 0
        assert read == [0, 1, 2, 3]
        assert list(results) == [2, 4, 6, 8, 10, 12, 14, 16, 18]
