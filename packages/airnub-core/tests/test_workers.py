"""Several workers on one store, each a process of its own, all given the same URLs at the same time."""

import json
import subprocess
import sys
from collections import Counter
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from airnub_core.sample_site import Reply, SampleSite
from airnub_core.store.bucket_store import BucketStore
from airnub_core.store.index.postgres import PostgresIndex
from airnub_core.store.index.sqlite import SqliteIndex
from airnub_core.store.manifest import url_digest

WORKERS = 4
WORKER = Path(__file__).parent / "importable" / "worker.py"


def files(number):
    """A site of so many files, no two alike."""
    return SampleSite({f"/{place}.bin": Reply(b"file %d\n" % place * 50) for place in range(number)})


def all_at_once(*jobs):
    """What each worker says, by URL."""
    with ExitStack() as stack:
        workers = [
            stack.enter_context(
                subprocess.Popen(
                    [sys.executable, WORKER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                    text=True,
                )
            )
            for _ in jobs
        ]  # fmt: skip
        for worker, job in zip(workers, jobs, strict=True):
            json.dump(job, worker.stdin)
            worker.stdin.close()
        said = [(worker.stdout.read(), worker.stderr.read()) for worker in workers]
    assert [worker.returncode for worker in workers] == [0] * len(jobs), [errors for _, errors in said]
    return [json.loads(outcomes) for outcomes, _ in said]


@pytest.mark.system
def test_workers_share_a_bucket_and_an_index(s3, postgres_url, tmp_path):
    """Each object is put once, each worker has an outcome for each URL, and hardly a body is fetched twice."""
    address = s3.bucket()
    with files(100) as site:
        urls = [site.url(path) for path in site.routes]
        job = {"urls": urls, "bucket": [address.url, dict(address.options)], "index": postgres_url}
        outcomes = all_at_once(*(job | {"folder": str(tmp_path / str(number))} for number in range(WORKERS)))
        fetched = Counter(asked.path for asked in site.asked)
    assert [set(one) for one in outcomes] == [set(urls)] * WORKERS
    kinds = Counter(kind for one in outcomes for kind, _ in one.values())
    assert kinds == {"stored": len(urls), "unchanged": (WORKERS - 1) * len(urls)}
    assert set(fetched) == set(site.routes)
    assert fetched.total() < 2 * len(urls)
    store = BucketStore(address)
    objects = list(store.objects())
    puts = Counter(key for method, key, _ in s3.requests(address) if method == "PUT" and key in objects)
    assert len(objects) == len(urls)
    assert sorted(puts) == objects
    with closing(PostgresIndex(postgres_url)) as index:
        assert {row.url for row in index.current("shared")} == set(urls)
        assert {row.path for row in index.current("shared")} == set(objects)
    store.close()


@pytest.mark.system
def test_what_one_worker_cannot_have_is_asked_by_the_others(s3, postgres_url, tmp_path):
    """A file that is missing fails for each worker by itself: none waits for another that has given it up."""
    address = s3.bucket()
    with files(20) as site:
        urls = [site.url(path) for path in site.routes] + [site.url(f"/missing/{number}") for number in range(20)]
        job = {"urls": urls, "bucket": [address.url, dict(address.options)], "index": postgres_url}
        outcomes = all_at_once(*(job | {"folder": str(tmp_path / str(number))} for number in range(2)))
        missing = Counter(asked.path for asked in site.asked if "missing" in asked.path)
    for one in outcomes:
        assert Counter(kind for kind, _ in one.values())["failed"] == 20
    assert set(missing.values()) == {2}


@pytest.mark.system
def test_what_a_dead_worker_was_at_is_taken_up(s3, postgres_url, tmp_path, monkeypatch):
    """Its claims lapse, and another fetches what it would have fetched."""
    address = s3.bucket()
    monkeypatch.setattr("airnub_core.store.index.postgres.LEASE_SECONDS", 1.0)
    with files(3) as site, closing(PostgresIndex(postgres_url)) as dead:
        urls = [site.url(path) for path in site.routes]
        dead.claim(map(url_digest, urls))
        job = {"urls": urls, "bucket": [address.url, dict(address.options)], "index": postgres_url}
        [outcomes] = all_at_once(job | {"folder": str(tmp_path)})
    assert outcomes == {url: ["stored", 1] for url in urls}


@pytest.mark.system
@pytest.mark.parametrize("force", [False, True])
def test_workers_share_a_folder(tmp_path, force):
    """With SQLite beside the store each worker asks by itself, and still each object is there once."""
    with files(300) as site:
        urls = [site.url(path) for path in site.routes]
        outcomes = all_at_once(*[{"urls": urls, "folder": str(tmp_path), "force": force}] * WORKERS)
    assert [set(one) for one in outcomes] == [set(urls)] * WORKERS
    assert {kind for one in outcomes for kind, _ in one.values()} <= {"stored", "unchanged"}
    with closing(SqliteIndex(tmp_path / ".airnub" / "index.sqlite")) as index:
        rows = index.current("shared")
    assert {row.url for row in rows} == set(urls)
    objects = {path.relative_to(tmp_path).as_posix() for path in tmp_path.glob("shared/*/*/*.bin")}
    assert len(objects) == len(urls)
    assert {row.path for row in rows} == objects
