"""Time that Prefect adds to the engine: a stage run compared with a direct call, with the start time subtracted.

    uv run --all-packages python -m benchmarks.prefect_cost

Both fetch the same files from the same nginx on loopback into a fresh store, in turns: one small file, S and M of
`benchmarks.ingest`. Printed: medians in seconds, and the ratio of each pair, stage / engine, with and without the
start time, which is the extra time that a stage takes for one file. The goal for S and M is at most 1.1 without the
start time. Options as there: `--work`, `--folder`, `--rounds`.
"""

import argparse
import asyncio
import os
import statistics
import tempfile
import time
from dataclasses import replace
from pathlib import Path

from benchmarks.ingest.goals import RACES, Race
from benchmarks.ingest.places import add_places
from benchmarks.ingest.races import Place
from benchmarks.ingest.server import serve
from benchmarks.ingest.sets import Shape, made
from benchmarks.ingest.target import target

ONE = replace(RACES["S"], shape=Shape("one", 1, RACES["S"].shape.size))


def main() -> None:
    """Measure and print the table."""
    from airnub_prefect.embedded.server import EmbeddedServer

    asked = add_places(argparse.ArgumentParser(prog="python -m benchmarks.prefect_cost")).parse_args()
    os.environ["PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL"] = "CRITICAL"
    sets = asked.work / "sets"
    sets.mkdir(parents=True, exist_ok=True)
    with (
        target(asked.work, asked.folder, direct=asked.direct) as where,
        serve(sets) as nginx,
        tempfile.TemporaryDirectory() as home,
        EmbeddedServer(home=Path(home)) as server,
    ):
        server.wait_until_ready()
        place = Place(asked.work, nginx, where)
        measure(place, ONE, 1)  # not counted: the first run imports modules
        one = measure(place, ONE, asked.rounds)
        start = statistics.median(staged - direct for direct, staged in one)
        print(f"     1 file:  the stage takes {start:.3f} s longer", flush=True)
        for race in (RACES["S"], RACES["M"]):
            print(told(race.shape.count, measure(place, race, asked.rounds), start), flush=True)


def told(files: int, pairs: list[tuple[float, float]], start: float) -> str:
    """One line: medians of both times and of each pair's ratio."""
    direct, staged = (statistics.median(column) for column in zip(*pairs, strict=True))
    line = f"{files:>6} files: engine {direct:.3f} s, stage {staged:.3f} s, stage / engine"
    for name, aside in (("", 0.0), (", start aside", start)):
        ratios = [(b - aside) / a for a, b in pairs]
        line += f"{name} {statistics.median(ratios):.2f} ({', '.join(f'{ratio:.2f}' for ratio in ratios)})"
    return line


def measure(place: Place, race: Race, rounds: int) -> list[tuple[float, float]]:
    """Pairs of seconds: the engine called directly, and the stage."""
    shape, connections = race.shape, race.connections
    urls = made(place.sets, shape).urls(place.server.plain)
    pairs = []
    for _ in range(rounds):
        with place.target.fresh() as folder:
            direct = asyncio.run(engine(urls, folder, connections))
        with place.target.fresh() as folder:
            pairs.append((direct, asyncio.run(stage(urls, folder, connections))))
    return pairs


async def engine(urls: list[str], folder: Path, connections: int) -> float:
    """Seconds that the engine takes, called directly."""
    from airnub_core import FileSource, NetworkSettings, ingest_files, open_engine

    network = NetworkSettings(connections=connections, connections_per_host=connections, allow_private_hosts=True)
    started = time.perf_counter()
    async with open_engine(folder / "store", network) as running:
        outcomes = await ingest_files(running, [FileSource(name="bench", urls=urls)])
    seconds = time.perf_counter() - started
    assert [outcome.error for outcome in outcomes] == [None] * len(urls)
    return seconds


async def stage(urls: list[str], folder: Path, connections: int) -> float:
    """Seconds that project_alpha's ingestion takes, as a flow run."""
    from airnub_core import FileSource, NetworkSettings
    from airnub_prefect.settings import package_folder
    from project_alpha.flows.ingestion import ingestion
    from project_alpha.settings import IngestionSettings

    network = NetworkSettings(connections=connections, connections_per_host=connections, allow_private_hosts=True)
    # `urls_file` is only read from inside the package.
    with tempfile.TemporaryDirectory(dir=package_folder("project_alpha")) as inside:
        listed = Path(inside, "urls.txt")
        listed.write_text("\n".join(urls))  # noqa: ASYNC240  # nothing else runs yet
        settings = IngestionSettings(
            store=str(folder / "store"),
            network=network,
            scheduled_file_downloads=[FileSource(name="bench", urls_file=f"{listed.parent.name}/{listed.name}")],
        )
        started = time.perf_counter()
        report = await ingestion(settings)
        seconds = time.perf_counter() - started
    assert not report.failed
    assert len(report.outcomes) == len(urls)
    return seconds


if __name__ == "__main__":
    main()
