"""Python calls of the ingestion engine: how much there is to read for one file, and for each of many.

    uv run --all-packages python -m benchmarks.python_calls

Calls are those of `sys.setprofile` in all threads, in an open engine without Prefect and with one process, after a warm
run: calls of Python functions, not of those in C. The server is a small one of its own, in another process, whose
files have 10 KiB. Figures vary by a few calls, as the event loop takes more or fewer turns; medians are printed.
"""

import argparse
import asyncio
import collections
import statistics
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from airnub_core import Item, NetworkSettings, open_engine

FEW, MANY = 100, 900
"""The calls for each of many are the difference between these, by file: what a run costs once is not among them."""
GOALS = {"one file": 500, "each of many": 80}
CONNECTIONS = 16
NETWORK = NetworkSettings(allow_private_hosts=True, connections=CONNECTIONS, connections_per_host=CONNECTIONS)
SIZE = 10 * 1024
MOST = 150
"""Functions that are listed."""

Calls = collections.Counter[str]
"""How often functions were called, by module and name."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.python_calls", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("--rounds", type=int, default=3, help="Runs of which the median is printed")
    parser.add_argument("--few", type=int, default=FEW, help="Files of the smaller of the runs with many")
    parser.add_argument("--many", type=int, default=MANY, help="Files of the larger one")
    parser.add_argument("--functions", action="store_true", help="List the functions that are called most, too")
    parser.add_argument("--serve", action="store_true", help="Be the server: print its port, and end with the input")
    asked = parser.parse_args(arguments)
    if asked.serve:
        asyncio.run(serve())
        return
    with tempfile.TemporaryDirectory() as folder, server() as base:
        one, each = [], []
        for turn in range(asked.rounds + 1):
            few, many, single = (
                asyncio.run(calls_of(Path(folder, f"{turn}-{count}"), [f"{base}/{number}" for number in range(count)]))
                for count in (asked.few, asked.many, 1)
            )
            many.subtract(few)
            one.append(single)
            each.append({name: calls / (asked.many - asked.few) for name, calls in many.items()})
    # The first round warms up.
    for (what, goal), rounds in zip(GOALS.items(), (one[1:], each[1:]), strict=True):
        print(f"{what:<13} {statistics.median(sum(calls.values()) for calls in rounds):6.0f} Python calls, goal {goal}")
        if asked.functions:
            for name, calls in sorted(rounds[-1].items(), key=lambda entry: -entry[1])[:MOST]:
                print(f"    {calls:6.2f} {name}")


async def calls_of(store: Path, urls: list[str]) -> Calls:
    """Calls of Python functions while files are ingested."""
    codes: collections.Counter[object] = collections.Counter()

    def count(frame: FrameType, event: str, _argument: object) -> None:
        if event == "call":
            codes[frame.f_code] += 1

    async with open_engine(store, NETWORK, processes=1) as engine:
        items = [Item("s", url, NETWORK) for url in urls]
        threading.setprofile(count)
        sys.setprofile(count)
        try:
            outcomes = await engine.ingest(items)
        finally:
            sys.setprofile(None)
            threading.setprofile(None)
    assert all(outcome.error is None for outcome in outcomes), outcomes
    calls: Calls = collections.Counter()
    for code, number in codes.items():
        calls[f"{Path(code.co_filename).stem}.{code.co_qualname}"] += number  # type: ignore[attr-defined]
    return calls


@contextmanager
def server() -> Iterator[str]:
    """The server in a process of its own; gives the URL that its files are below."""
    command = [sys.executable, "-m", "benchmarks.python_calls", "--serve"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            yield f"http://127.0.0.1:{int(process.stdout.readline())}"
        finally:
            process.stdin.close()


async def serve() -> None:
    """Answer every path with a file of its own, until the standard input ends."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while request := await reader.readuntil(b"\r\n\r\n") if not reader.at_eof() else b"":
            path = request.split(b" ", 2)[1]
            writer.write(
                b'HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nETag: "1"\r\nContent-Length: %d\r\n\r\n' % SIZE
                + path.ljust(SIZE)
            )
            await writer.drain()

    async def until_closed(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await answer(reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # the engine has closed its connections
        finally:
            writer.close()

    running = await asyncio.start_server(until_closed, "127.0.0.1")
    print(running.sockets[0].getsockname()[1], flush=True)
    await asyncio.to_thread(sys.stdin.read)
    running.close()


if __name__ == "__main__":
    main()
