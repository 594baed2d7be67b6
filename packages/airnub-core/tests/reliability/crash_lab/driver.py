"""A run in a process of its own, so that it can be killed, limited and starved; through the public API alone, but for
numbers that are tuned.

Its one argument is a JSON file, a `runs.Job`. Each event is a line of JSON on stdout, written at once:

    {"event": "ready"}                                      everything is imported, nothing is opened
    {"event": "open"}                                       the engine is open: recovery from an earlier crash is over
    {"event": "outcome", "url": …, "outcome": "stored", …}  as soon as the engine reports it; `Outcome.as_json()`
    {"event": "round", "files": …, "threads": …, …}         after each round: what the process holds
    {"event": "store_error", "type": …, "message": …}       the run failed as the API says that it may
    {"event": "end"}

Anything else that goes wrong is a traceback on stderr and an exit status of 1.
"""

import asyncio
import gc
import importlib
import itertools
import json
import resource
import sys
import threading
import time
from pathlib import Path

from airnub_core import FileSource, NetworkSettings, StoreError, ingest_files, open_engine


def tell(event, **values):
    """One line on stdout, at once: what is killed afterwards has been said."""
    sys.stdout.write(json.dumps({"event": event, **values}) + "\n")
    sys.stdout.flush()


async def ingest(job, number):
    """One run of the engine; with `pause`, it waits for a line on stdin once the store is open."""
    root, network = Path(job["root"]), NetworkSettings(**job["network"])
    if job["pause"]:
        async with open_engine(root, network):
            tell("open")
        await asyncio.to_thread(sys.stdin.readline)
    sources = [
        FileSource(name=name, urls=[url.replace("ROUND", str(number)) for url in urls])
        for name, urls in job["sources"].items()
    ]
    async with open_engine(
        root, network, force=job["force"], on_outcome=lambda outcome: tell("outcome", **outcome.as_json())
    ) as engine:
        tell("open")
        outcomes = await ingest_files(engine, sources)
    expected = sum(len(set(source.urls)) for source in sources)
    assert len(outcomes) == expected, f"expected {expected} outcomes, found {len(outcomes)}"


def held():
    """What this process holds now: open files, threads, children, and resident memory in bytes."""
    gc.collect()
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    children = [
        int(child) for task in Path("/proc/self/task").iterdir() for child in (task / "children").read_text().split()
    ]
    return {
        "files": len(list(Path("/proc/self/fd").iterdir())),
        "threads": threading.active_count(),
        "children": len(children),
        "memory": int(status["VmRSS"].split()[0]) * 1024,
    }


def main():
    """Run the job as often, and for as long, as it says."""
    job = json.loads(Path(sys.argv[1]).read_text())
    if job["open_files"] is not None:
        resource.setrlimit(resource.RLIMIT_NOFILE, (job["open_files"], job["open_files"]))
    for name, number in job["tuned"].items():
        module, _, name_there = name.partition(":")
        found = importlib.import_module(module)
        assert hasattr(found, name_there), f"expected {name}, found none"
        setattr(found, name_there, number)
    tell("ready")
    end = time.monotonic() + job["seconds"]
    for number in itertools.count():
        if number >= job["rounds"] and time.monotonic() >= end:
            break
        try:
            asyncio.run(ingest(job, number // 2))
        except StoreError as error:
            tell("store_error", type=type(error).__name__, message=str(error))
            return 3
        tell("round", **held())
    tell("end")
    return 0


if __name__ == "__main__":
    sys.exit(main())
