"""airnub's program: one public call in a new process, timed from opening the engine until it is closed.

Arguments: the store, a file of URLs, a file to write outcomes to, and the number of connections.
"""

import asyncio
import json
import resource
import sys
import time
from collections import Counter
from pathlib import Path

from airnub_core import FileSource, NetworkSettings, Outcome, ingest_files, open_engine

SOURCE = "bench"
_BIGGER_THAN_ANY = 4 * 1024**3


def main(store: Path, listed: Path, told: Path, connections: int) -> None:
    """Ingest, and print the seconds that it took."""
    with listed.open() as lines:
        source = FileSource(name=SOURCE, urls=[line.strip() for line in lines])
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    outcomes, seconds = asyncio.run(ingest(store, source, connections))
    kinds = Counter(outcome.kind.value for outcome in outcomes)
    print(json.dumps({"seconds": seconds, "kinds": kinds, "kib_before": before}), flush=True)
    # Line by line, since the memory of this program is measured.
    with told.open("w") as lines:
        lines.writelines(map(_line, outcomes))


async def ingest(store: Path, source: FileSource, connections: int) -> tuple[list[Outcome], float]:
    """The timed call; returns its outcomes and seconds."""
    network = NetworkSettings(
        connections=connections,
        connections_per_host=connections,
        max_bytes=_BIGGER_THAN_ANY,
        allow_private_hosts=True,
    )
    started = time.perf_counter()
    async with open_engine(store, network) as engine:
        outcomes = await ingest_files(engine, [source])
    return outcomes, time.perf_counter() - started


def _line(one: Outcome) -> str:
    return "\t".join(map(str, (one.kind.value, one.url, one.digest, one.path, one.manifest, one.error))) + "\n"


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3]), int(sys.argv[4]))
