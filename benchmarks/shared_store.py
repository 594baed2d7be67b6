"""Workers that share a distant S3 store and a PostgreSQL index: how much faster are four than one?

    uv run --all-packages python -m benchmarks.shared_store
    uv run --all-packages python -m benchmarks.shared_store --files 5000 --workers 1 4 --round-trip 100

All workers get the same URLs at the same moment and start with an empty store; each has a separate process and engine.
Printed: seconds until the last worker has ended, the speed-up over the first number of workers, bodies fetched and
requests of the store for each URL, objects stored, and the CPU seconds of all workers. Origin and S3 are
`far_servers`, which delays responses; PostgreSQL is on this machine, since a database is usually close to its clients.
It is started from the machine's own programs, or `--postgres` names one, in which schemas are created and dropped.
"""

import argparse
import asyncio
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from airnub_core import NetworkSettings, open_engine
from airnub_core.items import Item
from airnub_core.store.location import BucketAddress, StoreLocation

FILES = 5000
SIZE = 10 * 1024
ROUND_TRIP = 100.0
"""Milliseconds of a round trip to another region."""
_SCHEMA = "airnub_benchmark_shared_"


def main() -> None:
    """Measure and print; the exit status is 1 where an object or an outcome is missing."""
    arguments = argparse.ArgumentParser(description="Speed-up of several workers that fill one store over one worker.")
    arguments.add_argument("--files", type=int, default=FILES)
    arguments.add_argument("--workers", type=int, nargs="+", default=[1, 4])
    arguments.add_argument("--round-trip", type=float, default=ROUND_TRIP, help="milliseconds to origin and S3")
    arguments.add_argument("--rounds", type=int, default=1)
    arguments.add_argument("--postgres", metavar="URL", help="use this database instead of starting PostgreSQL")
    given = arguments.parse_args()
    with ExitStack() as stack:
        database = given.postgres or stack.enter_context(postgres())
        print(f"{given.files:,} files of {SIZE // 1024} KiB, origin and S3 {given.round_trip:g} ms away")
        print(
            f"{'workers':>7} {'seconds':>8} {'faster':>7} {'bodies/URL':>11} {'asked/URL':>10} "
            f"{'stored':>7} {'CPU s':>6}"
        )
        whole = True
        for _ in range(given.rounds):
            first = None
            for workers in given.workers:
                seconds, cpu, counts, outcomes = measure(workers, given.files, given.round_trip, database)
                first = first or seconds
                asked = sum(counts.get(method, 0) for method in ("PUT", "GET", "HEAD"))
                print(
                    f"{workers:>7} {seconds:>8.1f} {first / seconds:>7.2f} {counts['fetched'] / given.files:>11.2f} "
                    f"{asked / given.files:>10.2f} {counts['stored']:>7,} {cpu:>6.1f}",
                    flush=True,
                )
                ended = [sum(one.values()) for one in outcomes]
                whole &= counts["stored"] == given.files and ended == [given.files] * workers
                whole &= not any(one.get("failed") for one in outcomes)
    sys.exit(0 if whole else 1)


def measure(
    workers: int, files: int, round_trip: float, database: str
) -> tuple[float, float, dict[str, int], list[dict[str, int]]]:
    """Seconds, CPU seconds of the workers, request counts, and each worker's outcomes by status."""
    schema = f"{_SCHEMA}{os.getpid()}_{time.monotonic_ns()}"
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        port = stack.enter_context(far_servers(round_trip))
        stack.callback(drop, database, schema)
        job = {
            "files": files,
            "server": f"http://127.0.0.1:{port}",
            "index": f"{database}{'&' if '?' in database else '?'}schema={schema}",
        }
        processes = [
            stack.enter_context(worker(job | {"local": str(folder / str(number))})) for number in range(workers)
        ]
        for process in processes:
            process.stdout.readline()
        start = time.monotonic()
        for process in processes:
            process.stdin.write("go\n")
            process.stdin.flush()
        told = [json.loads(process.stdout.readline()) for process in processes]
        seconds = time.monotonic() - start
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/-/counts") as answer:
            counts = json.load(answer)
    return seconds, sum(one["cpu"] for one in told), counts, [one["outcomes"] for one in told]


@contextmanager
def worker(job: dict[str, Any]) -> Iterator[Any]:
    """Start a process that reports when it is ready, and does its job on a signal."""
    command = [sys.executable, "-c", "from benchmarks.shared_store import work; work()"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        process.stdin.write(json.dumps(job) + "\n")
        process.stdin.flush()
        yield process


def work() -> None:
    """The body of a worker's process."""
    job = json.loads(sys.stdin.readline())
    print("ready", flush=True)
    sys.stdin.readline()
    print(json.dumps({"outcomes": asyncio.run(_fetch(job)), "cpu": _cpu_seconds()}), flush=True)


async def _fetch(job: dict[str, Any]) -> dict[str, int]:
    network = NetworkSettings(allow_private_hosts=True, connections=32, connections_per_host=32)
    options = {"access_key_id": "key", "secret_access_key": "secret", "region": "us-east-1", "endpoint": job["server"]}
    place = StoreLocation(BucketAddress("s3://bucket/store", options), job["index"], Path(job["local"]))
    items = [Item("shared", f"{job['server']}/file/{number}.bin", network) for number in range(job["files"])]
    async with open_engine(place, network, processes=1) as engine:
        outcomes = await engine.ingest(items)
    return Counter(outcome.kind.value for outcome in outcomes)


def _cpu_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


@contextmanager
def far_servers(round_trip: float) -> Iterator[int]:
    """The port of an origin and an S3 server that delay responses by `round_trip` milliseconds."""
    command: Sequence[str] = [sys.executable, "-m", "benchmarks.far_servers", str(round_trip), str(SIZE)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield int(process.stdout.readline())


@contextmanager
def postgres() -> Iterator[str]:
    """The URL of a PostgreSQL started from the machine's own programs, in a separate folder, with default settings."""
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: float(path.parent.name))
    found = shutil.which("initdb")
    if found is None and not folders:
        sys.exit(
            "expected PostgreSQL (initdb on the PATH or in /usr/lib/postgresql), found none; or name --postgres URL"
        )
    programs = Path(found).parent if found else folders[-1]
    who: dict[str, Any] = {"user": "nobody", "group": 65534, "extra_groups": []} if os.geteuid() == 0 else {}
    folder = Path(tempfile.mkdtemp(prefix="airnub-pg-"))
    try:
        if who:
            shutil.chown(folder, "nobody", 65534)
        create: list[Any] = [programs / "initdb", "--pgdata", folder / "data", "--username", "airnub", "--auth=trust"]
        create += ["--encoding=UTF8", "--locale=C"]
        subprocess.run(create, cwd=folder, check=True, stdout=subprocess.DEVNULL, **who)
        serve: list[Any] = [programs / "postgres", "-D", folder / "data", "-k", folder, "-c", "listen_addresses="]
        with (folder.parent / f"{folder.name}.log").open("w") as log:
            server = subprocess.Popen(serve, cwd=folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log, **who)
            try:
                url = f"postgresql://airnub@/postgres?host={folder}"
                _wait_for(url, server)
                yield url
            finally:
                server.terminate()
                server.wait()
                Path(log.name).unlink()
    finally:
        shutil.rmtree(folder)


def _wait_for(url: str, server: "subprocess.Popen[Any]") -> None:
    import psycopg

    while True:
        try:
            psycopg.connect(url).close()
        except psycopg.OperationalError:
            if server.poll() is not None:
                raise
            time.sleep(0.05)
        else:
            return


def drop(database: str, schema: str) -> None:
    """Drop the schemas that a round created."""
    import psycopg
    from psycopg import sql

    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(sql.SQL("DROP SCHEMA IF EXISTS {} CASCADE").format(sql.Identifier(schema)))


if __name__ == "__main__":
    main()
