"""Memory: the peak of our process and its children, sampled while they work."""

import threading
import time
from dataclasses import dataclass
from pathlib import Path

from benchmarks.ingest import engine
from benchmarks.ingest.goals import LARGE, MANY, MEMORY_MIB, SMALL, Race
from benchmarks.ingest.races import Place, Say
from benchmarks.ingest.sets import made
from benchmarks.ingest.timing import run

HEADINGS = ("set", "RSS MiB", "PSS MiB", "processes", "goal", "met", "RSS before the call")
_INTERVAL = 0.02


@dataclass(slots=True)
class Peak:
    """The largest sampled sums, in KiB."""

    rss: int = 0
    """Counts shared memory once per process."""
    pss: int = 0
    """Counts shared memory once."""
    processes: int = 0


def memory(place: Place, say: Say) -> list[tuple[str, ...]]:
    """Run each set once; returns table rows."""
    lines = []
    for shape, connections in ((LARGE, 16), (SMALL, 32), (MANY, 32)):
        files = made(place.sets, shape)
        with place.job(files, place.server.plain, Race("", shape, connections, {})) as job:
            peak, ended = Peak(), threading.Event()
            threads: list[threading.Thread] = []

            def watch(process: int, peak: Peak = peak, ended: threading.Event = ended, threads=threads) -> None:
                threads.append(threading.Thread(target=_sample, args=(process, peak, ended)))
                threads[0].start()

            try:
                timing = run([engine.command(job)], is_library=True, watch=watch)
            finally:
                ended.set()
                for thread in threads:
                    thread.join()
            engine.check(job)
        before = int(str(timing.said["kib_before"]))
        title = f"{shape.name}: {shape.count:,} of {shape.size:,} bytes"
        met = "yes" if peak.pss < MEMORY_MIB * 1024 else "NO"
        values = (f"{peak.rss / 1024:.0f}", f"{peak.pss / 1024:.0f}", str(peak.processes))
        lines.append((title, *values, f"{MEMORY_MIB}", met, f"{before / 1024:.0f}"))
        say(f"{title}: {values[0]} MiB")
    return lines


def _sample(process: int, peak: Peak, ended: threading.Event) -> None:
    while not ended.is_set():
        held = [one for one in map(_held, family(process)) if one is not None]
        peak.rss = max(peak.rss, sum(rss for rss, _ in held))
        peak.pss = max(peak.pss, sum(pss for _, pss in held))
        peak.processes = max(peak.processes, len(held))
        time.sleep(_INTERVAL)


def family(process: int) -> list[int]:
    """Ids of a process and all its descendants."""
    found = [process]
    for one in found:
        try:
            tasks = list(Path(f"/proc/{one}/task").iterdir())
        except (FileNotFoundError, ProcessLookupError):
            continue  # the process ended meanwhile
        for task in tasks:
            try:
                found.extend(map(int, (task / "children").read_text().split()))
            except (FileNotFoundError, ProcessLookupError):
                continue  # the thread ended meanwhile
    return found


def _held(process: int) -> tuple[int, int] | None:
    """RSS and PSS in KiB; None if the process has ended."""
    try:
        lines = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()[1:]
    except (FileNotFoundError, ProcessLookupError):
        return None
    values = {name: int(rest.split()[0]) for name, _, rest in (line.partition(":") for line in lines)}
    return (values["Rss"], values["Pss"]) if values else None
