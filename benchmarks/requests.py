"""Cost of a request in Python: calls per file, a measure of how much code runs; processor time of single requests.

    uv run --all-packages python -m benchmarks.requests

Calls are counted as in `python_calls`, for 1, 10, 100 and 900 files from nginx. Processor time is that of this process,
not of the server (nginx), for 3,000 responses of 10 KiB, 16 at once, the median of rounds in turns. The peer is httpx
with its own transport. The goals, 150 µs for `peek` and 250 µs for `Engine.client`, were set on a machine where httpx
took 984 µs: 0.15 and 0.25 of httpx. `no transport` is httpx with a transport that returns a response at once: the least
that `Engine.client` can take.
"""

import argparse
import asyncio
import os
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import httpx

from airnub_core import FileSource, Item, NetworkSettings, open_engine
from benchmarks.ingest import server
from benchmarks.python_calls import calls_of

FILES, AT_ONCE = 3000, 16
COUNTS = (1, 10, 100, 900)
NETWORK = NetworkSettings(allow_private_hosts=True, connections=AT_ONCE, connections_per_host=AT_ONCE)


def main() -> None:
    """Measure and print the figures."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.requests", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    rounds = parser.parse_args().rounds
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder, "files")
        root.mkdir()
        for number in range(FILES):
            (root / str(number)).write_bytes(os.urandom(10 * 1024))
        with server.serve(root) as running:
            urls = [f"{running.plain}/{number}" for number in range(FILES)]
            counts = {
                count: asyncio.run(calls_of(Path(folder, f"calls-{count}"), urls[:count])).total() for count in COUNTS
            }
            for count, calls in counts.items():
                print(f"{count:>5} files: {calls / count:8.0f} Python calls a file")
            beyond = (counts[COUNTS[-1]] - counts[COUNTS[-2]]) / (COUNTS[-1] - COUNTS[-2])
            print(f"each beyond {COUNTS[-2]}: {beyond:5.0f} Python calls")
            times: dict[str, list[float]] = {}
            for turn in range(rounds):
                for name, work in (("httpx", plain), ("no transport", idle), ("peek", peeking), ("client", asking)):
                    times.setdefault(name, []).append(asyncio.run(cost_of(Path(folder, f"{name}-{turn}"), urls, work)))
            for name, found in times.items():
                ratios = [one / peer for one, peer in zip(found, times["httpx"], strict=True)]
                print(
                    f"{name:>12}: {statistics.median(found) * 1e6:5.0f} µs of processor time a request, "
                    f"{statistics.median(ratios):.2f} of httpx ({min(ratios):.2f} to {max(ratios):.2f})"
                )


async def cost_of(
    store: Path, urls: list[str], work: Callable[[object], Awaitable[Callable[[str], Awaitable[int]]]]
) -> float:
    """Seconds of processor time of one request among many."""
    async with open_engine(store, NETWORK) as engine:
        ask = await work(engine)
        waiting = iter(urls)

        async def ask_all() -> None:
            for url in waiting:
                assert await ask(url) == 10 * 1024

        await asyncio.gather(*(ask(url) for url in urls[:AT_ONCE]))
        before = time.process_time()
        await asyncio.gather(*(ask_all() for _ in range(AT_ONCE)))
        return (time.process_time() - before) / len(urls)


async def plain(_engine: "object") -> Callable[[str], Awaitable[int]]:
    """Request with httpx alone."""
    client = httpx.AsyncClient(limits=httpx.Limits(max_connections=AT_ONCE))

    async def ask(url: str) -> int:
        return len((await client.get(url)).content)

    return ask


async def idle(_engine: "object") -> Callable[[str], Awaitable[int]]:
    """Request with httpx, without sending anything."""
    body = os.urandom(10 * 1024)

    async def respond(_request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, content=body)

    client = httpx.AsyncClient(transport=httpx.MockTransport(respond))

    async def ask(url: str) -> int:
        return len((await client.get(url)).content)

    return ask


async def peeking(engine: "object") -> Callable[[str], Awaitable[int]]:
    """Request as robots.txt and pages are requested."""

    async def ask(url: str) -> int:
        return len((await engine.peek(Item("s", url, NETWORK), 2**30)).content)  # type: ignore[attr-defined]

    return ask


async def asking(engine: "object") -> Callable[[str], Awaitable[int]]:
    """Request as the code of departments does."""
    client = engine.client(FileSource(name="s", urls=["http://h/"]))  # type: ignore[attr-defined]

    async def ask(url: str) -> int:
        return len((await client.get(url)).content)

    return ask


if __name__ == "__main__":
    main()
