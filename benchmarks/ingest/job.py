"""A job, which every program runs, and the verification of its result."""

import hashlib
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from benchmarks.ingest.sets import MIB, FileSet


class WrongResultError(Exception):
    """A program exited without an error, but its result is wrong."""


@dataclass(frozen=True, slots=True)
class Job:
    """Fetch a set from a server into an empty folder."""

    files: FileSet
    base: str
    connections: int
    folder: Path
    """The target folder, on the file system that is measured."""
    scratch: Path
    """A folder elsewhere, for lists of URLs and other inputs."""
    certificate: Path | None = None
    """Certificate of a server with TLS and HTTP/2."""
    is_distant: bool = False

    @property
    def urls(self) -> list[str]:
        """URLs to fetch."""
        return self.files.urls(self.base)

    @property
    def directory(self) -> str:
        """The page of the server that lists the files."""
        return f"{self.base}/{self.files.shape.name}/"


def check_folder(folder: Path, job: Job, ignoring: Iterable[str] = ()) -> None:
    """Compare every file below a folder with the set by SHA-256; the location of the files does not matter.

    Args:
        folder: the folder that a program wrote to.
        job: the job that it ran.
        ignoring: suffixes of files that are not compared, such as manifests.

    Raises:
        WrongResultError: a file is missing, damaged, or unexpected.
    """
    ends = tuple(ignoring)
    found: dict[str, str] = {}
    for path in folder.rglob("*"):
        if path.is_file() and not (ends and path.name.endswith(ends)):
            found[str(path.relative_to(folder))] = file_digest(path)
    expected, there = Counter(job.files.digests.values()), Counter(found.values())
    if expected == there:
        return
    wrong = next((name for name, digest in found.items() if digest not in expected), None)
    raise WrongResultError(
        f"{folder}: expected {expected.total()} files of {job.files.shape.size} bytes, found {there.total()}, "
        f"{(expected & there).total()} of them right" + (f"; not one of the set: {wrong}" if wrong else "")
    )


def file_digest(path: Path) -> str:
    """64 hexadecimal digits of a file's SHA-256, read in pieces."""
    sha = hashlib.sha256()
    with path.open("rb", buffering=0) as file:
        while piece := file.read(MIB):
            sha.update(piece)
    return sha.hexdigest()
