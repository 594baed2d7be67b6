"""Memory: what was found out once and took long, in files named by a digest of everything that it came from.

With another input, or another version of what is installed, comes another name; `fingerprints` says what counts.
It may be removed at any time, and several commands may use it at once. Where it cannot be read or written, all is found
out anew.
"""

import hashlib
import json
import os
import time
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import Any

from airnub_cli.fingerprints import CACHE, digest_of, machinery
from airnub_common import write_atomic

DAYS = 14
"""What was not asked for as long is dropped."""
_DAY = 24 * 60 * 60
_SWEPT = "swept"


class Cache:
    """A folder of answers."""

    def __init__(self, folder: Path | None) -> None:
        """Nothing is written yet.

        Args:
            folder: where they are; `None` remembers nothing.
        """
        self._folder = folder

    @classmethod
    def of_user(cls) -> "Cache":
        """The one that all commands and checkouts of this user share: `$AIRNUB_CACHE`, else where caches are."""
        if said := os.environ.get(CACHE):
            return cls(Path(said))
        try:
            return cls(Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "airnub")
        except RuntimeError:
            return cls(None)  # a user without a home

    def get(self, kind: str, digest: str | None) -> Any:
        """What was kept, `None` where nothing is, or where it is damaged.

        Args:
            kind: of the answer.
            digest: of everything that it came from, beside what does the work; `None` where that is not known.
        """
        path = self._path(kind, digest)
        if path is None:
            return None
        try:
            head, _, content = path.read_bytes().partition(b"\n")
            if head.decode(errors="replace") != _sum(content):
                return None
            value = json.loads(content)
            if time.time() - path.stat().st_mtime > _DAY:
                os.utime(path)
        except (OSError, ValueError):
            return None
        return value

    def put(self, kind: str, digest: str | None, value: Any) -> None:
        """Remember something, if JSON can say it exactly and the folder can be written."""
        path = self._path(kind, digest)
        if path is None or self._folder is None:
            return
        try:
            content = json.dumps(value, separators=(",", ":")).encode()
            if json.loads(content) != value:
                return
            write_atomic(path, _sum(content).encode() + b"\n" + content)
            self._sweep(self._folder)
        except (OSError, TypeError, ValueError):
            return

    def _path(self, kind: str, digest: str | None) -> Path | None:
        if self._folder is None or digest is None:
            return None
        return self._folder / kind / f"{digest_of(self._machinery, digest)}.json"

    @cached_property
    def _machinery(self) -> str:
        return machinery()

    def _sweep(self, folder: Path) -> None:
        """Once a day, drop what was not asked for in a long time."""
        mark = folder / _SWEPT
        if mark.is_file() and time.time() - mark.stat().st_mtime < _DAY:
            return
        write_atomic(mark, "")
        for path in folder.glob("*/*"):
            with suppress(FileNotFoundError):  # somebody else sweeps, too
                if time.time() - path.stat().st_mtime > DAYS * _DAY:
                    path.unlink()


NO_CACHE = Cache(None)
"""Remembers nothing."""


def _sum(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
