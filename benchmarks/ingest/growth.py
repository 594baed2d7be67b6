"""Growth: the time of a file when the index already knows many URLs."""

import hashlib
import shutil
import statistics
import subprocess
from collections.abc import Iterator
from pathlib import Path

from airnub_core import open_store
from airnub_core.store.index import IndexRow
from benchmarks.ingest import engine
from benchmarks.ingest.goals import GROWTH, KNOWN_URLS, RACES
from benchmarks.ingest.programs.ours import SOURCE
from benchmarks.ingest.races import Place, Say
from benchmarks.ingest.sets import made
from benchmarks.ingest.timing import run

HEADINGS = ("known URLs", "our s", "µs per file", "to none known", "spread", "goal", "met")
_BATCH = 10_000


def growth(place: Place, rounds: int, say: Say) -> list[tuple[str, ...]]:
    """Ingest S in turns into stores that know different numbers of URLs of the same source; returns table rows."""
    files = made(place.sets, RACES["S"].shape)
    filled = {known: _filled(place.work, known, say) for known in KNOWN_URLS}
    seconds: dict[int, list[float]] = {known: [] for known in KNOWN_URLS}
    for number in range(rounds):
        for known, store in filled.items():
            with place.job(files, place.server.plain, RACES["S"]) as job:
                if store is not None:
                    shutil.copytree(store, engine.store(job))
                    # Hundreds of MiB, flushed here so that the timed run does not write them to the disk.
                    subprocess.run(["sync", "--file-system", str(job.folder)], check=True)
                timing = run([engine.command(job)], is_library=True)
                engine.check(job)
            seconds[known].append(timing.job)
            say(f"round {number + 1}: {known:,} known, {timing.job:.2f} s")
    lines = []
    for known, taken in seconds.items():
        ratios = [one / none for one, none in zip(taken, seconds[0], strict=True)]
        median, ratio = statistics.median(taken), statistics.median(ratios)
        spread = f"{min(ratios):.2f} to {max(ratios):.2f}"
        line = (f"{known:,}", f"{median:.2f}", f"{median / files.shape.count * 1e6:.0f}", f"{ratio:.2f}", spread)
        lines.append((*line, f"{GROWTH}", "yes" if ratio <= GROWTH else "NO") if known else line)
    return lines


def _filled(work: Path, known: int, say: Say) -> Path | None:
    """A store whose index knows `known` URLs; created once, and kept until the schema of the index changes."""
    if known == 0:
        return None
    folder = work / f"known-{known}"
    shutil.rmtree(folder, ignore_errors=True)
    say(f"filling an index with {known:,} URLs")
    with open_store(folder) as (_, index):
        for start in range(0, known, _BATCH):
            index.record(list(_rows(range(start, min(start + _BATCH, known)))))
    return folder


def _rows(numbers: range) -> Iterator[IndexRow]:
    for number in numbers:
        digits = hashlib.sha256(b"%d" % number).hexdigest()
        name = f"{number:08}.bin"
        path = f"{SOURCE}/{digits[:2]}/{digits}/{name}"
        yield IndexRow(
            source=SOURCE,
            url_digest=hashlib.sha256(digits.encode()).hexdigest(),
            url=f"https://data.example.org/measurements/{name}",
            digest=f"sha256:{digits}",
            path=path,
            size=10_240,
            manifest=f"{path}{engine.MANIFEST}",
            etag=f'"{digits[:16]}"',
            last_modified="Mon, 01 Jan 2024 00:00:00 GMT",
            checked_at="2024-01-01T00:00:00+00:00",
            changed_at="2024-01-01T00:00:00+00:00",
        )
