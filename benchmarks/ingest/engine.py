"""The command that runs airnub's engine for a job, and the verification of its result."""

import json
import sys
from collections import Counter
from pathlib import Path

from airnub_core import open_store
from benchmarks.ingest.job import Job, WrongResultError, check_folder
from benchmarks.ingest.programs.ours import SOURCE

MANIFEST = ".manifest.json"


def command(job: Job) -> list[str]:
    """The command that ingests a job into the folder `store` of its folder; run it at the repository's root."""
    listed = job.scratch / "urls"
    listed.write_text("\n".join(job.urls))
    program = [sys.executable, "-m", "benchmarks.ingest.programs.ours"]
    return [*program, str(store(job)), str(listed), str(_told(job)), str(job.connections)]


def store(job: Job) -> Path:
    """The store that receives a job's files."""
    return job.folder / "store"


def check(job: Job, kind: str = "stored") -> None:
    """Compare outcomes, objects, manifests and index with the set.

    Args:
        job: the job that ran.
        kind: the expected status of every outcome; the outcomes are read from the program's file.

    Raises:
        WrongResultError: something is missing, damaged, or unexpected.
    """
    root = store(job)
    expected = dict(zip(job.urls, (f"sha256:{digest}" for digest in job.files.digests.values()), strict=True))
    told = [line.split("\t") for line in _told(job).read_text().splitlines()]
    kinds = Counter(line[0] for line in told)
    if kinds != {kind: len(expected)}:
        error = next((line[5] for line in told if line[0] != kind), "")
        raise WrongResultError(f"expected {len(expected)} outcomes {kind}, found {dict(kinds)}; the first: {error}")
    if {url: digest for _, url, digest, *_ in told} != expected:
        raise WrongResultError("an outcome's digest is not that of its file")
    check_folder(root / SOURCE, job, ignoring=[MANIFEST])
    for _, url, digest, path, manifest, _ in told:
        said = json.loads((root / manifest).read_bytes())
        if (said["url"], said["digest"], said["path"]) != (url, digest, path) or not (root / path).is_file():
            raise WrongResultError(f"{manifest}: does not describe {url} at {path}")
    with open_store(root) as (_, index):
        indexed = {row.url: row.digest for row in index.current(SOURCE) if row.url in expected}
    if indexed != expected:
        raise WrongResultError(f"expected {len(expected)} URLs in the index, found {len(indexed)} or other digests")


def _told(job: Job) -> Path:
    return job.scratch / "outcomes"
