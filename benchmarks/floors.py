"""The floors of the ingestion engine's sets: the time that the least work in Python takes, compared with the peers.

The ratio of a peer to the floor is the best that an engine could reach that drives libcurl from Python, hashes, and is
durable at the end: no goal above it can be met. `README.md` says what each floor leaves out.
"""

import argparse
import statistics
import sys
from collections.abc import Sequence

from benchmarks.ingest import server
from benchmarks.ingest.goals import RACES, Race
from benchmarks.ingest.job import Job
from benchmarks.ingest.peers import PEERS
from benchmarks.ingest.places import add_places
from benchmarks.ingest.races import Place, base_of, run_peer
from benchmarks.ingest.sets import made
from benchmarks.ingest.target import target
from benchmarks.ingest.timing import Timing, run

KINDS = {"S": "bare", "again": "unchanged", "h2": "bare", "M": "large", "L": "large"}
"""The floor program of each set."""


def main(arguments: Sequence[str]) -> None:
    """Measure and print the table."""
    asked = _parsed(arguments)
    (asked.work / "sets").mkdir(parents=True, exist_ok=True)
    print(f"{'set':<7}{'peer':<11}{'peer s':>8}{'floor s':>9}{'ratio':>7}{'goal':>7}{'CPU s of the floor':>20}")
    with target(asked.work, asked.folder, direct=asked.direct) as where, server.serve(asked.work / "sets") as running:
        place = Place(asked.work, running, where)
        for name in asked.sets:
            for peer, goal in RACES[name].goals.items():
                if peer in ("rclone", "curl", "curl-hash") and goal is not None:
                    print(_line(place, name, peer, goal, asked.rounds), flush=True)


def floor(place: Place, name: str, race: Race, base: str) -> Timing:
    """One run of a set's floor, in a fresh folder; Python's own start is not timed."""
    with place.job(made(place.sets, race.shape), base, race) as job:
        return run([_command(KINDS[name], job)], job.certificate, is_library=True)


def _parsed(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.floors", description=__doc__.splitlines()[0])
    parser.add_argument("--sets", nargs="+", choices=KINDS, default=list(KINDS))
    return add_places(parser).parse_args(arguments)


def _line(place: Place, name: str, peer: str, goal: float, rounds: int) -> str:
    race, pairs = RACES[name], []
    files = made(place.sets, race.shape)
    with base_of(place, race, print) as base:
        for _ in range(rounds):
            theirs = run_peer(place, files, base, race, PEERS[peer])
            pairs.append((theirs, floor(place, name, race, base)))
    median = statistics.median
    theirs_s, floor_s = (median(one.job for one in side) for side in zip(*pairs, strict=True))
    ratio = median(theirs.job / least.job for theirs, least in pairs)
    cpu = median(least.cpu for _, least in pairs)
    return f"{name:<7}{peer:<11}{theirs_s:>8.2f}{floor_s:>9.2f}{ratio:>7.2f}{goal:>7g}{cpu:>20.2f}"


def _command(kind: str, job: Job) -> list[str]:
    listed = job.scratch / "urls"
    listed.write_text("\n".join(job.urls))
    arguments = [str(job.folder), str(listed), str(job.connections)]
    if kind == "bare":
        return [sys.executable, "-m", "benchmarks.ingest.programs.bare", *arguments]
    return [sys.executable, "-m", "benchmarks.ingest.programs.floor", kind, *arguments]


if __name__ == "__main__":
    main(sys.argv[1:])
