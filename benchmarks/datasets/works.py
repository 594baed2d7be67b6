"""The workloads: each prepares its inputs, runs airnub's program and the peer's in turns, and has a goal."""

import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import polars as pl

from benchmarks.datasets import inputs, programs
from benchmarks.datasets.memory import Sampler
from benchmarks.datasets.pages import served
from benchmarks.ingest.timing import FailedRunError, run

LARGEST_MB = 400
"""Limit of anonymous memory for a dataset, in MB of 10^6 bytes."""


@dataclass(frozen=True, slots=True)
class Size:
    """Sizes of the inputs; the goals apply to the default sizes."""

    rows: int = 4_000_000
    """Rows of the CSV, 45 bytes each."""
    corrected: int = 5_000_000
    checked: int = 5_000_000
    records: int = 100_000
    pages: int = 200
    objects: int = 10_000
    commits: int = 1000


@dataclass(frozen=True, slots=True)
class Run:
    """Printed figures of one process, and the peak anonymous memory of it and its children, in MB."""

    seconds: float
    cpu: float
    mb: float
    said: dict[str, object]


@dataclass(slots=True)
class Found:
    """One line of the table: pairs of our runs and the peer's, or only our runs."""

    title: str
    goal: float
    unit: str
    """Goal: `ratio` is the peer's figure / ours, at least; `s` is our seconds, at most."""
    by: str = "cpu"
    peer: str = ""
    pairs: list[tuple[Run, Run | None]] = field(default_factory=list)
    note: str = ""


Start = Callable[[Sequence[str]], Run]


def start(command: Sequence[str]) -> Run:
    """Run a program, and read the figures that it prints."""
    sampler = Sampler()
    try:
        timing = run([list(command)], is_library=True, watch=sampler.watch)
    finally:
        sampler.stop()
    cpu = float(str(timing.said.get("cpu", timing.cpu)))
    return Run(timing.job, cpu, sampler.kib * 1024 / 1e6, timing.said)


def keyed(folder: Path, size: Size, rounds: int) -> Iterator[Found]:
    """CSV to a committed dataset with a key and 13 months, compared with plain polars with `unique` by key."""
    yield _beside_polars(
        folder, size, rounds, Found("CSV, key, 13 months", 0.65, "ratio", peer="polars"), "KEYED", "key"
    )


def plain(folder: Path, size: Size, rounds: int) -> Iterator[Found]:
    """The same without key and partitions, compared with scan, cast, sink."""
    yield _beside_polars(folder, size, rounds, Found("CSV, no key", 0.5, "ratio", peer="polars"), "PLAIN", "all")


def _beside_polars(folder: Path, size: Size, rounds: int, found: Found, name: str, rows: str) -> Found:
    source = inputs.write_csv(folder / "rows.csv", size.rows, days=396)
    store = folder / "store"
    inputs.fill(store, [("rows", source.read_bytes())])
    for number in range(rounds):
        datasets = _fresh(folder / "datasets")
        ours, peer = _in_turns(
            number,
            _program("ours", name, store, datasets),
            _program("plain", source, folder / "plain.parquet", rows),
        )
        if int(str(ours.said["rows"])) + int(str(ours.said["quarantined"])) != peer.said["rows"]:
            raise FailedRunError(f"expected as many rows as the peer has, found {ours.said} and {peer.said}")
        found.pairs.append((ours, peer))
    return found


def checks(folder: Path, size: Size, rounds: int) -> Iterator[Found]:
    """Datasets with 20 checks, compared with the same datasets without checks."""
    store, sites = folder / "store", folder / "sites"
    source = inputs.write_csv(folder / "rows.csv", size.checked, days=396)
    inputs.fill(store, [("rows", source.read_bytes())])
    source.unlink()
    names = "".join(f"s{number}\n" for number in range(inputs.SITES))
    inputs.fill(store, [("sites", f"site\n{names}".encode())], source="sites")
    start(_program("ours", "SITES", store, sites))
    for title, name in (("20 checks, key, 13 months", "KEYED"), ("20 checks, no key", "PLAIN")):
        found = Found(title, round(1 / 1.15, 2), "ratio", peer="ours without checks")
        for number in range(rounds):
            with_checks, without = (_fresh(folder / one) for one in ("with", "without"))
            shutil.copytree(sites, with_checks, dirs_exist_ok=True)
            ours, peer = _in_turns(
                number,
                _program("ours", f"{name}_CHECKED", store, with_checks),
                _program("ours", name, store, without),
            )
            if (ours.said["checks"], ours.said["rows"]) != (20, peer.said["rows"]):
                raise FailedRunError(f"expected 20 checks to pass and as many rows, found {ours.said} and {peer.said}")
            found.pairs.append((ours, peer))
        yield found


def json_lines(folder: Path, size: Size, rounds: int) -> Iterator[Found]:
    """Read and check JSON Lines, compared with the previous version on clean lines (it stops at an invalid one)."""
    clean = inputs.write_json_lines(folder / "clean.jsonl", size.records, odd=False)
    odd = inputs.write_json_lines(folder / "odd.jsonl", size.records, odd=True)
    for title, goal, path in (("JSON Lines, clean", 4, clean), ("JSON Lines, 1 % invalid", 2.5, odd)):
        found = Found(title, goal, "ratio", peer="tables of the previous version, clean")
        for number in range(rounds):
            pair = _in_turns(number, _program("json_lines", path, "ours"), _program("json_lines", clean, "before"))
            found.pairs.append(pair)
        yield found


def api(folder: Path, size: Size, rounds: int, dlt: Sequence[str] | None = None) -> Iterator[Found]:
    """A paginated API to a dataset, engine and dataset together, compared with dlt to Parquet, by seconds."""
    found = Found(f"API, {size.pages} pages", 1.5, "ratio", by="seconds", peer="dlt")
    of_a_page = size.records // size.pages
    with served(size.pages, of_a_page) as url:
        for number in range(rounds):
            place = _fresh(folder / f"run-{number}")
            ours = _program("api", url, place / "store", place / "datasets", size.pages)
            if dlt is None:
                found.note = "dlt is not installed; run with --setup"
                found.pairs.append((start(ours), None))
            else:
                peer = [*dlt, str(Path(programs.__file__).with_name("with_dlt.py")), url, str(place)]
                found.pairs.append(_in_turns(number, ours, peer))
    yield found


def correction(folder: Path, size: Size, rounds: int) -> Iterator[Found]:
    """Correct 1,000 rows of one day in 28 days; then withdraw the correction."""
    store, datasets = folder / "store", folder / "datasets"
    part = size.corrected // 5
    for number in range(5):
        source = inputs.write_csv(folder / "rows.csv", part, days=28, first=number * part, bad=False)
        inputs.fill(store, [(f"part-{number}", source.read_bytes())])
    start(_program("ours", "DAILY", store, datasets))
    wrong = inputs.csv_rows(pl.int_range(part, eager=True), 28).filter(pl.col("at").str.starts_with("2024-01-07"))
    corrected, withdrawn = (Found(title, 0.4, "s") for title in ("1,000 rows corrected", "and withdrawn"))
    for number in range(rounds):
        rows = wrong.head(1000).with_columns(pl.lit(f"{number}.5").alias("value"))
        inputs.fill(store, [("correction", rows.write_csv().encode())])
        corrected.pairs.append((start(_program("ours", "DAILY", store, datasets)), None))
        inputs.withdraw(store, "correction")
        withdrawn.pairs.append((start(_program("ours", "DAILY", store, datasets)), None))
    yield corrected
    yield withdrawn


def unchanged(folder: Path, size: Size, rounds: int) -> Iterator[Found]:
    """Many objects and 400 partitions: a run without changes, then one with one changed object."""
    yield from _many(folder, size, rounds, "HASHED", Found("unchanged, 400 partitions", 0.1, "s"), None)


def moved(folder: Path, size: Size, rounds: int) -> Iterator[Found]:
    """Many objects whose keys have newer rows in other partitions; then one object changes."""
    changed = Found("10,000 objects with moved keys, one changed", 0, "s")
    yield from _many(folder, size, rounds, "DAILY", Found("the same, unchanged", 0.1, "s"), changed)


def _many(folder: Path, size: Size, rounds: int, name: str, still: Found, changed: Found | None) -> Iterator[Found]:
    store, datasets = folder / "store", folder / "datasets"
    inputs.fill(store, _small(size.objects, shift=0 if changed is None else 1))
    first = Found(f"{size.objects:,} objects, first run", 0, "s")
    first.pairs.append((start(_program("ours", name, store, datasets)), None))
    yield first
    for number in range(rounds):
        if changed is not None:
            inputs.fill(store, [("0", _object(number, 2 + number))])
            changed.pairs.append((start(_program("ours", name, store, datasets)), None))
        still.pairs.append((start(_program("ours", name, store, datasets)), None))
    if changed is not None:
        yield changed
    yield still


def _small(objects: int, shift: int) -> Iterator[tuple[str, bytes]]:
    """Three rows per object; with a shift, the second half has the keys of the first with different times."""
    for number in range(objects):
        again = shift and number >= objects // 2
        yield str(number), _object(number - objects // 2 if again else number, shift if again else 0)


def _object(number: int, shift: int) -> bytes:
    return (
        inputs.csv_rows(pl.Series([number, number + 1_000_000, number + 2_000_000]), 28, shift=shift)
        .write_csv()
        .encode()
    )


def commits(folder: Path, size: Size, rounds: int) -> Iterator[Found]:
    """Make many commits, then open, read one partition, and commit."""
    run([[*_program("commits", folder, "before", size.commits)]])
    found = {name: Found(f"{size.commits:,} commits, then {name}", 0.1, "s") for name in ("open", "read", "commit")}
    for _ in range(rounds):
        after = start(_program("commits", folder, "after"))
        for name, one in found.items():
            one.pairs.append((Run(float(str(after.said[name])), after.cpu, after.mb, {}), None))
    yield from found.values()


def ten_times(folder: Path, size: Size, rounds: int) -> Iterator[Found]:
    """Ten times the CSV with a key, to measure memory; runs only if it is named."""
    source = inputs.write_csv(folder / "rows.csv", size.rows * 10, days=396)
    inputs.fill(folder / "store", [("rows", source.read_bytes())])
    source.unlink()
    for name in ("KEYED", "PLAIN"):
        found = Found(f"ten times the CSV, {name}", 0, "s")
        for _ in range(rounds):
            found.pairs.append((start(_program("ours", name, folder / "store", _fresh(folder / "datasets"))), None))
        yield found


Work = Callable[[Path, Size, int], Iterator[Found]]
WORKS: dict[str, Work] = {
    "keyed": keyed,
    "plain": plain,
    "checks": checks,
    "json": json_lines,
    "api": api,
    "correction": correction,
    "unchanged": unchanged,
    "moved": moved,
    "commits": commits,
    "ten-times": ten_times,
}
ON_REQUEST = ("moved", "ten-times")


def with_dlt(dlt: Sequence[str] | None) -> dict[str, Work]:
    """All workloads; the API's gets a command that runs dlt."""
    return {**WORKS, "api": partial(api, dlt=dlt)}


def _in_turns(number: int, ours: Sequence[str], peer: Sequence[str]) -> tuple[Run, Run]:
    """Run both; every second round starts with the peer. Our run is first in the result."""
    if number % 2:
        second = start(peer)
        return start(ours), second
    return start(ours), start(peer)


def _program(name: str, *arguments: object) -> list[str]:
    return [sys.executable, "-m", f"benchmarks.datasets.programs.{name}", *map(str, arguments)]


def _fresh(folder: Path) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder
