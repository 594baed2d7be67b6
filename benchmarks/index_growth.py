"""Time that the index takes to record, record again, and look up a URL, depending on how many URLs it knows.

    uv run --all-packages python -m benchmarks.index_growth
    uv run --all-packages python -m benchmarks.index_growth --postgres postgresql://user:password@host/database

Each round takes one index of each size in turn: it records 20,000 new URLs in batches of 1,000, records 5,000 of them
once more, and looks up 5,000 of those that are known, drawn at random. Printed: microseconds for each URL, medians of
the rounds, and the median of each round's ratio to the empty index; the goal is a ratio near 1 for new URLs. PostgreSQL
gets separate schemas, which are dropped.
"""

import argparse
import hashlib
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

from airnub_core.store.index import Index, IndexRow, SqliteIndex

SIZES = (0, 100_000, 1_000_000)
BATCH = 1000
NEW = 20_000
ASKED = 5000
ROUNDS = 5
SCHEMA = "airnub_benchmark"


def main() -> None:
    """Measure and print the table."""
    arguments = argparse.ArgumentParser(description="Time of the index for each URL, depending on its size.")
    arguments.add_argument("--postgres", metavar="URL", help="measure this server too")
    arguments.add_argument("--sizes", type=int, nargs="+", default=SIZES, help="known URLs to measure at")
    arguments.add_argument("--rounds", type=int, default=ROUNDS)
    given = arguments.parse_args()
    columns = "  ".join(f"{what:>7} {'ratio':>6}" for what in ("new", "again", "lookup"))
    print(f"{'index':<11}{'known URLs':>11}  {columns}")
    with tempfile.TemporaryDirectory() as folder:
        measure("sqlite", lambda name: SqliteIndex(Path(folder) / f"{name}.sqlite"), given.sizes, given.rounds)
        if sys.platform == "linux":
            print(f"memory of one with {max(given.sizes):,} URLs known: {memory(Path(folder))} MiB more than without")
    if given.postgres:
        from airnub_core.store.index.postgres import PostgresIndex

        with schemas(given.postgres) as url_of:
            measure("postgresql", lambda name: PostgresIndex(url_of(name)), given.sizes, given.rounds)


def measure(kind: str, open_index: Callable[[str], Index], sizes: Sequence[int], rounds: int) -> None:
    """A line for each size."""
    for size in filter(None, sizes):
        with closing(open_index(str(size))) as index:
            for start in range(0, size, NEW):
                index.record(rows(start, min(NEW, size - start)))
    results: dict[int, list[tuple[float, ...]]] = {size: [] for size in sizes}
    for number in range(rounds):
        for size in sizes:
            # The empty index is a new one in each round; the others grow a little.
            with closing(open_index(str(size) if size else f"empty_{number}")) as index:
                results[size].append(one_round(index, size + (number * NEW if size else 0)))
    for size in sizes:
        cells = []
        for now, then in zip(zip(*results[size], strict=True), zip(*results[sizes[0]], strict=True), strict=True):
            ratio = statistics.median(one / other for one, other in zip(now, then, strict=True))
            cells.append(f"{statistics.median(now):7.1f} {ratio:6.2f}")
        print(f"{kind:<11}{size:>11,}  {'  '.join(cells)}", flush=True)


def memory(folder: Path) -> int:
    """MiB by which a new process grows when it opens the largest index, and records and looks up batches."""
    code = """
import sys
from pathlib import Path
from benchmarks.index_growth import BATCH, peak, rows
from airnub_core.store.index import SqliteIndex
new = rows(10**9, 20 * BATCH)
before = peak()
index = SqliteIndex(Path(sys.argv[1]))
for start in range(0, len(new), BATCH):
    index.record(new[start : start + BATCH])
    index.lookup("noaa_daily_weather", [row.url_digest for row in new[start : start + BATCH]])
print(peak() - before)
"""
    largest = max(folder.glob("*.sqlite"), key=lambda path: path.stat().st_size)
    done = subprocess.run([sys.executable, "-c", code, largest], stdout=subprocess.PIPE, text=True, check=True)
    return int(done.stdout)


def one_round(index: Index, known: int) -> tuple[float, float, float]:
    """Microseconds for each URL: new, again, looked up."""
    new = rows(known, NEW)
    digests = [digest_of(number) for number in random.sample(range(known + NEW), ASKED)]
    recorded = timed(lambda: in_batches(index, new)) / NEW
    again = timed(lambda: in_batches(index, new[:ASKED], new[:ASKED])) / ASKED
    looked_up = timed(lambda: check(index.lookup("noaa_daily_weather", digests))) / ASKED
    return recorded, again, looked_up


def in_batches(index: Index, new: Sequence[IndexRow], seen: Sequence[IndexRow] = ()) -> None:
    """Record rows as the engine does, which has looked them up before."""
    for start in range(0, len(new), BATCH):
        index.record(new[start : start + BATCH], seen[start : start + BATCH])


def check(found: dict[str, IndexRow]) -> None:
    """Look up known URLs, and check that each is found."""
    assert len(found) == ASKED


def timed(work: Callable[[], None]) -> float:
    """Microseconds."""
    started = time.perf_counter()
    work()
    return (time.perf_counter() - started) * 1e6


def digest_of(number: int) -> str:
    """Digest of a URL."""
    return hashlib.sha256(b"%d" % number).hexdigest()


def rows(start: int, count: int) -> list[IndexRow]:
    """New rows of realistic length."""
    return list(_rows(start, count))


def _rows(start: int, count: int) -> Iterator[IndexRow]:
    at = "2026-01-01T00:00:00.123456+00:00"
    for number in range(start, start + count):
        digits = hashlib.sha256(b"bytes of %d" % number).hexdigest()
        path = f"noaa_daily_weather/{digits[:2]}/{digits}/daily-{number}.csv"
        yield IndexRow(
            source="noaa_daily_weather",
            url_digest=digest_of(number),
            url=f"https://example.org/data/2026/daily-{number}.csv",
            digest=f"sha256:{digits}",
            path=path,
            size=10_240,
            manifest=f"{path}.manifest.json",
            etag='"65a1b2c3-2800"',
            last_modified="Wed, 21 Oct 2015 07:28:00 GMT",
            checked_at=at,
            changed_at=at,
        )


def peak() -> int:
    """Peak memory of this process in MiB; only Linux reports it without the parent's."""
    [line] = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM")]
    return int(line.split()[1]) // 1024


@contextmanager
def schemas(url: str) -> Iterator[Callable[[str], str]]:
    """Database URLs with separate schemas, which are dropped afterwards."""
    import psycopg

    made = []

    def url_of(name: str) -> str:
        made.append(f"{SCHEMA}_{name}")
        return f"{url}{'&' if '?' in url else '?'}schema={made[-1]}"

    try:
        yield url_of
    finally:
        with psycopg.connect(url, autocommit=True) as connection:
            for schema in made:
                connection.execute(f"DROP SCHEMA IF EXISTS {schema} CASCADE")


if __name__ == "__main__":
    main()
