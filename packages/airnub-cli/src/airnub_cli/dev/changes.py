"""Changes: which of the files that a deployment is made of are not as they were.

They are looked at five times a second. There are some hundred of them and a look takes few milliseconds, so that a
library with native code for every platform has nothing to earn here.
"""

import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

EVERY = 0.2
"""Seconds between two looks."""

PATTERNS = ("packages/*/src", "departments/*/src", "departments/*/prefect.yaml", "configs", "infra/work-pools", ".env")

Stamp = tuple[int, int, int]
Files = dict[Path, Stamp]


def look(root: Path) -> Files:
    """What there is to watch below the root of a repository, with what changes when a file does."""
    found: Files = {}
    for pattern in PATTERNS:
        for path in root.glob(pattern):
            found.update(_below(path) if path.is_dir() else _file(path))
    return found


def different(before: Files, after: Files) -> list[Path]:
    """Files that are new, gone or changed, sorted."""
    return sorted(path for path in before.keys() | after.keys() if before.get(path) != after.get(path))


async def changes(root: Path, *, every: float = EVERY) -> AsyncIterator[list[Path]]:
    """What changed, whenever something did and then nothing more: editors and `git` write many files in a row."""
    told = await asyncio.to_thread(look, root)
    seen = told
    while True:
        await asyncio.sleep(every)
        now = await asyncio.to_thread(look, root)
        is_calm, seen = now == seen, now
        if is_calm and (paths := different(told, now)):
            told = now
            yield paths


def is_code(path: Path) -> bool:
    """Whether it is a part of a package, so that a deployment may differ though no YAML does."""
    return "src" in path.parts


def _below(folder: Path) -> Iterator[tuple[Path, Stamp]]:
    for parent, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if name != "__pycache__" and not name.startswith(".")]
        for name in names:
            # What editors put beside a file while they save it begins with a dot or ends with a tilde.
            if not name.startswith(".") and not name.endswith(("~", ".pyc", ".swp", ".tmp")):
                yield from _file(Path(parent, name))


def _file(path: Path) -> Iterator[tuple[Path, Stamp]]:
    try:
        status = path.stat()
    except OSError:
        return  # gone meanwhile, or a link to nothing
    yield path, (status.st_mtime_ns, status.st_size, status.st_ino)
