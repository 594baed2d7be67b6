"""What Prefect costs around the engine: a stage run against the engine called directly, the start aside.

    uv run --all-packages python -m benchmarks.prefect_cost

Both fetch the same small files from the same server process on loopback into a fresh store, in turns. Printed: medians
in seconds, and the ratio of each pair, stage / engine; the goal for 2,000 files is at most 1.1.
"""

import asyncio
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

SIZE = 10 * 1024
"""Bytes of a file."""
ROUNDS = 5
COUNTS = (1, 2000)


def serve() -> None:
    """The server process: any number of different small files, until its standard input ends."""
    from airnub_core.sample_site import Asked, Reply, SampleSite

    class Site(SampleSite):
        def reply(self, asked: Asked) -> Reply:
            return Reply(asked.path.encode().ljust(SIZE, b"."), headers={"ETag": f'"{asked.path}"'})

    with Site({}) as site:
        print(site.url(""), flush=True)
        sys.stdin.read()


def main() -> None:
    """Measure and print."""
    from airnub_prefect.embedded.server import EmbeddedServer

    os.environ["PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL"] = "CRITICAL"
    site = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.prefect_cost", "serve"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert site.stdout is not None
        base = site.stdout.readline().strip()
        with tempfile.TemporaryDirectory() as home, EmbeddedServer(home=Path(home)) as server:
            server.wait_until_ready()
            for count in COUNTS:
                compare([f"{base}/{number}" for number in range(count)])
    finally:
        site.terminate()
        site.wait()


def compare(urls: list[str]) -> None:
    """One line: the medians of both, and of the ratio of each pair."""
    asyncio.run(stage(urls[:1]))  # not counted: what the first run imports
    pairs = [(asyncio.run(engine(urls)), asyncio.run(stage(urls))) for _ in range(ROUNDS)]
    direct, staged = (statistics.median(column) for column in zip(*pairs, strict=True))
    ratio = statistics.median(b / a for a, b in pairs)
    spread = ", ".join(f"{b / a:.2f}" for a, b in pairs)
    print(f"{len(urls):>6} files: engine {direct:.3f} s, stage {staged:.3f} s, stage / engine {ratio:.2f} ({spread})")


async def engine(urls: list[str]) -> float:
    """Seconds that the engine takes, called directly."""
    from airnub_core import FileSource, NetworkSettings, ingest_files, open_engine

    with tempfile.TemporaryDirectory() as store:
        started = time.perf_counter()
        async with open_engine(Path(store), NetworkSettings(allow_private_hosts=True)) as running:
            outcomes = await ingest_files(running, [FileSource(name="bench", urls=urls)])
        seconds = time.perf_counter() - started
    assert all(outcome.error is None for outcome in outcomes)
    return seconds


async def stage(urls: list[str]) -> float:
    """Seconds that project_alpha's ingestion takes, as a flow run."""
    from airnub_core import FileSource, NetworkSettings
    from project_alpha.flows.ingestion import ingestion
    from project_alpha.settings import IngestionSettings

    with tempfile.TemporaryDirectory() as store:
        listed = Path(store) / "urls.txt"
        listed.write_text("\n".join(urls))
        settings = IngestionSettings(
            store=f"{store}/store",
            network=NetworkSettings(allow_private_hosts=True),
            scheduled_file_downloads=[FileSource(name="bench", urls_file=str(listed))],
        )
        started = time.perf_counter()
        report = await ingestion(settings)
        seconds = time.perf_counter() - started
    assert not report.failed
    return seconds


if __name__ == "__main__":
    serve() if sys.argv[1:] == ["serve"] else main()
