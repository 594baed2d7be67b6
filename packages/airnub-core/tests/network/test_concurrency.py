"""Concurrency."""

import asyncio

import pytest

from airnub_core.network.concurrency import together


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
