"""Concurrency: jobs that run together, end together and fail as one; threads that nobody leaves behind."""

import asyncio
from collections.abc import Callable, Coroutine, Iterable
from contextlib import suppress
from typing import Any, TypeVar

Result = TypeVar("Result")


async def together(jobs: Iterable[Coroutine[Any, Any, Result]]) -> list[Result]:
    """The results of all jobs, in their order.

    When one raises, the others are cancelled and have ended before its error is raised, as it is: nobody goes on
    writing into a store that is closed behind its back.
    """
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(job) for job in jobs]
    except BaseExceptionGroup as errors:
        first = errors.exceptions[0]
        raise first from first.__cause__
    return [task.result() for task in tasks]


async def in_thread(work: Callable[[], Result], stop: Callable[[], None] = lambda: None) -> Result:
    """The result of work that is done in a thread.

    When whoever waits for it is cancelled, however often, the work is told to `stop`, and has ended before that is
    raised: nothing that it works on is closed behind its back.
    """
    # A future of the loop and no task: a loop that is ended by a signal cancels every task that it finds.
    running = asyncio.get_running_loop().run_in_executor(None, work)
    try:
        return await asyncio.shield(running)
    finally:
        if not running.done():
            stop()
        while not running.done():
            with suppress(asyncio.CancelledError):
                await asyncio.wait([running])
