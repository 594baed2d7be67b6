"""Compare the ingestion engine with widely used downloaders.

`--setup` installs the peers. Without it, all sets and peers are measured, or those that `--sets` and `--peers` name.
`../README.md` describes the comparison.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.ingest import growth, memory, peers, server, table
from benchmarks.ingest.goals import RACES
from benchmarks.ingest.places import add_places
from benchmarks.ingest.races import Place, race
from benchmarks.ingest.target import target

OTHERS = ("memory", "growth")


def main(arguments: Sequence[str]) -> int:
    """Measure and print the tables; returns 1 if a goal was missed, else 0."""
    asked = _parsed(arguments)
    asked.work.mkdir(parents=True, exist_ok=True)
    if asked.setup:
        peers.install(asked.work)
        return 0
    (asked.work / "sets").mkdir(exist_ok=True)
    with target(asked.work, asked.folder, direct=asked.direct) as where, server.serve(asked.work / "sets") as running:
        place = Place(asked.work, running, where)
        results = _about(asked, place)
        print(results["about"], flush=True)
        for name in asked.sets:
            results["sets"][name] = _one(place, name, asked)
            if asked.json:
                asked.json.write_text(json.dumps(results, indent=1))
    return 0 if all(one["met"] for one in results["sets"].values()) else 1


def _parsed(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.ingest", description=__doc__.splitlines()[0])
    names = [*RACES, *OTHERS]
    parser.add_argument("--setup", action="store_true", help="install the missing peers, and exit; needs root")
    parser.add_argument("--sets", type=_list_of(names), default=names, help=f"some of {','.join(names)}")
    parser.add_argument("--peers", type=_list_of(list(peers.PEERS)), help="some of " + ",".join(peers.PEERS))
    parser.add_argument("--json", type=Path, help="write every single run to this file")
    return add_places(parser).parse_args(arguments)


def _list_of(names: Sequence[str]) -> Any:
    def parse(text: str) -> list[str]:
        chosen = text.split(",")
        if wrong := [name for name in chosen if name not in names]:
            raise argparse.ArgumentTypeError(f"expected some of {','.join(names)}, found {','.join(wrong)}")
        return chosen

    return parse


def _one(place: Place, name: str, asked: argparse.Namespace) -> dict[str, Any]:
    """Run one set, print its table, and return the entry for the results file."""
    if name == "memory":
        lines = memory.memory(place, _say)
        return _told("memory, our process and its children", memory.HEADINGS, lines)
    if name == "growth":
        lines = growth.growth(place, asked.rounds, _say)
        return _told("S with an index that knows many URLs", growth.HEADINGS, lines)
    chosen = RACES[name]
    wanted = asked.peers or [peer for peer, goal in chosen.goals.items() if goal is not None]
    results = race(place, chosen, wanted, asked.rounds, _say)
    title = f"{chosen.title}, {chosen.connections} connections, {asked.rounds} rounds"
    told = _told(title, table.HEADINGS, [result.cells() for result in results])
    for result in results:
        if result.note:
            print(f"{result.peer}: {result.note}", flush=True)
    told["notes"] = {result.peer: result.note for result in results if result.note}
    told["met"] = all(result.is_met is not False for result in results)
    told["runs"] = {
        result.peer: [{"ours": ours.as_json(), "peer": peer.as_json()} for ours, peer in result.pairs]
        for result in results
    }
    return told


def _told(title: str, headings: Sequence[str], lines: Sequence[Sequence[str]]) -> dict[str, Any]:
    print(f"\n{title}\n\n{table.table(headings, lines)}\n", flush=True)
    return {"title": title, "headings": headings, "lines": lines, "met": all("NO" not in line for line in lines)}


def _about(asked: argparse.Namespace, place: Place) -> dict[str, Any]:
    python = peers.environment(asked.work)
    there = [peer for peer in peers.PEERS.values() if peer.is_installed(python)]
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False)
    about = {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": commit.stdout.strip(),
        "cores": os.cpu_count(),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "target": place.target.name,
        "peers": sorted({peers.version(peer, python) for peer in there}),
    }
    return {"about": about, "sets": {}}


def _say(line: str) -> None:
    print(f"  {line}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
