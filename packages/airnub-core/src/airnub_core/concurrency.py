"""Concurrency: run coroutines together, wait for threads when cancelled, and map over a pool in order."""

import asyncio
import threading
from collections import deque
from collections.abc import Callable, Coroutine, Iterable, Iterator
from concurrent.futures import Executor, Future
from contextlib import suppress
from functools import partial
from typing import Any, TypeVar

Result = TypeVar("Result")
Thing = TypeVar("Thing")


async def together(jobs: Iterable[Coroutine[Any, Any, Result]]) -> list[Result]:
    """Run all jobs concurrently and return their results, in their order.

    When one raises, the others are cancelled and awaited before its error is raised unchanged, so that no job writes
    into a store that is already closed.
    """
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(job) for job in jobs]
    except BaseExceptionGroup as errors:
        first = errors.exceptions[0]
        raise first from first.__cause__
    return [task.result() for task in tasks]


async def in_thread(
    work: Callable[[], Result], stop: Callable[[], None] = lambda: None, *, is_long: bool = False
) -> Result:
    """Run `work` in a thread and return its result.

    When the waiting task is cancelled, even repeatedly, `stop` is called and the work ends before `CancelledError` is
    raised, so that no resource is closed while the thread uses it.

    Args:
        work: the work.
        stop: makes the work end soon.
        is_long: use a new thread, since the event loop has only a few that its callers share.
    """
    loop, ended = asyncio.get_running_loop(), asyncio.Event()
    running = _in_new_thread(loop, work) if is_long else loop.run_in_executor(None, work)
    # A loop that is ended by a signal cancels all its tasks, and what they wait for: the event, and not the future.
    running.add_done_callback(lambda _: ended.set())
    try:
        await ended.wait()
    finally:
        if not ended.is_set():
            stop()
        while not ended.is_set():
            with suppress(asyncio.CancelledError):
                await ended.wait()
    return running.result()


def _in_new_thread(loop: asyncio.AbstractEventLoop, work: Callable[[], Result]) -> asyncio.Future[Result]:
    future: asyncio.Future[Result] = loop.create_future()

    def run() -> None:
        try:
            result = work()
        except BaseException as error:  # noqa: BLE001  # raised where the future is awaited
            end = partial(future.set_exception, error)
        else:
            end = partial(future.set_result, result)
        if not loop.is_closed():
            loop.call_soon_threadsafe(end)

    threading.Thread(target=run, name="airnub-work").start()
    return future


def in_order(pool: Executor, work: Callable[[Thing], Result], things: Iterable[Thing], ahead: int) -> Iterator[Result]:
    """Map `work` over `things` in a pool, and yield the results in order; at most `ahead` run ahead of the consumer."""
    waiting: deque[Future[Result]] = deque()
    try:
        for thing in things:
            waiting.append(pool.submit(work, thing))
            if len(waiting) > ahead:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        for future in waiting:
            future.cancel()
