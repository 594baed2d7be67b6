"""Datasets compared with their peers: ratios of processor time, seconds, and peak anonymous memory.

uv run --all-packages python -m benchmarks.datasets --setup     # once: dlt, in a separate environment
uv run --all-packages python -m benchmarks.datasets
"""

import argparse
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from benchmarks.datasets.works import LARGEST_MB, ON_REQUEST, WORKS, Found, Size, with_dlt
from benchmarks.ingest.places import add_places
from benchmarks.ingest.table import table

HEADINGS = ("work", "peer", "peer s", "our s", "peer CPU s", "our CPU s", "ratio", "spread", "goal", "met", "our MB")


def main(arguments: Sequence[str]) -> int:
    """Measure and print the table; returns 1 if a goal was missed."""
    asked = _parsed(arguments)
    python = asked.work / "dlt" / "bin" / "python"
    if asked.setup:
        subprocess.run(
            ["uv", "venv", "--quiet", "--allow-existing", "--python", sys.executable, python.parents[1]], check=True
        )
        subprocess.run(["uv", "pip", "install", "--quiet", "--python", python, "dlt[parquet]"], check=True)
        return 0
    size = replace(
        Size(), **{name: max(1, int(getattr(Size(), name) * asked.scale)) for name in Size.__dataclass_fields__}
    )
    works = with_dlt([str(python)] if python.exists() else None)
    lines: list[tuple[str, ...]] = []
    missed = False
    for name in asked.works:
        with tempfile.TemporaryDirectory(dir=asked.folder) as folder:
            for found in works[name](Path(folder), size, asked.rounds):
                lines.append(cells(found))
                missed |= "NO" in lines[-1]
                print(" ".join(filter(None, lines[-1])), file=sys.stderr, flush=True)
    print(table(HEADINGS, lines))
    return int(missed)


def cells(found: Found) -> tuple[str, ...]:
    """One line of the table: medians, the ratio of each pair, and whether goal and memory were met."""
    ours, median = [one for one, _ in found.pairs], statistics.median
    peers = [peer for _, peer in found.pairs if peer is not None]
    peak = max(one.mb for one in ours)
    ratios = [getattr(peer, found.by) / getattr(one, found.by) for one, peer in found.pairs if peer is not None]
    met = [peak < LARGEST_MB]
    if found.unit == "ratio":
        met += [median(ratios) >= found.goal] if ratios else []
    elif found.goal:
        met.append(median(one.seconds for one in ours) <= found.goal)
    seconds = [one.seconds for one in ours]
    spread = ratios or seconds
    at_least, at_most = (f"{found.goal:g}", "") if found.unit == "ratio" else ("", f"{found.goal:g} s")
    return (
        found.title,
        found.note or found.peer,
        f"{median(one.seconds for one in peers):.2f}" if peers else "",
        f"{median(seconds):.3f}",
        f"{median(one.cpu for one in peers):.2f}" if peers else "",
        f"{median(one.cpu for one in ours):.2f}",
        f"{median(ratios):.2f}" if ratios else "",
        f"{min(spread):.2f} to {max(spread):.2f}",
        (at_least or at_most) if found.goal else "",
        "yes" if all(met) else "NO",
        f"{peak:.0f}",
    )


def _parsed(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.datasets", description=__doc__.splitlines()[0])
    parser.add_argument("--setup", action="store_true", help="install dlt for the benchmark")
    names = [name for name in WORKS if name not in ON_REQUEST]
    parser.add_argument(
        "--works", nargs="+", choices=WORKS, default=names, help=f"default: all but {', '.join(ON_REQUEST)}"
    )
    parser.add_argument("--scale", type=float, default=1.0, help="input size, as a fraction of the goals' size")
    add_places(parser)
    parser.set_defaults(rounds=3)
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
