"""Layout: where objects and manifests lie, and which names they and sources may have; all paths are built here.

<root>/<source>/<hex[:2]>/<hex>/<file name>
                                <file name>.manifest.json
"""

import re
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from airnub_common import is_reserved_name, safe_file_name

HIDDEN = ".airnub"
"""The folder of what is not an object: staging, partial files, the index."""
SUFFIX = ".manifest.json"
"""Of the manifest beside an object."""
SOURCE_PATTERN = "^[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}$"
"""For JSON schemas; `checked_source_name` is the whole rule."""
_SOURCE = re.compile(SOURCE_PATTERN)
_LONGEST_SHOWN = 60


class Staged(NamedTuple):
    """A folder that holds `<file_name>` and `<file_name>.manifest.json`; it crosses the borders of processes."""

    folder: str
    """Absolute path of a local folder."""
    source: str
    file_name: str
    """Safe, and never taken for a manifest's."""
    hex_digits: str
    """Of the SHA-256 of the bytes."""
    size: int
    """In bytes."""
    url_digest: str
    is_logged: bool = False
    """Whether a write-ahead log has its bytes and its manifest too."""

    @property
    def home(self) -> Path:
        """The staging folder of the process; each process and thread that stages has a folder of its own in it."""
        return Path(self.folder).parents[1]


def object_name(file_name: str) -> str:
    """A safe name for an object, that cannot be taken for a manifest's."""
    safe = safe_file_name(file_name)
    return safe[: -len(SUFFIX)] + ".manifest_json" if safe.endswith(SUFFIX) else safe


def object_path(source: str, hex_digits: str, file_name: str) -> str:
    """Where an object lies, relative to the store."""
    return f"{source}/{hex_digits[:2]}/{hex_digits}/{file_name}"


def derived_url(url: str, file_name: str) -> str:
    """What an object is known by that was made from the answers of a URL, which may have an object of its own."""
    return f"{url}#{file_name}"


def records_name(source: str) -> str:
    """The file of the records of an API."""
    return f"{source}.jsonl"


def links_name(source: str) -> str:
    """The file that lists the links of a page."""
    return f"{source}.links.json"


@lru_cache(1024)  # the items of a source have one name
def checked_source_name(name: str) -> str:
    """The name, if a source may have it: it becomes a folder of the store, on every file system.

    Only what is written is checked: a store whose folders an earlier rule allowed is read and verified as before.

    Raises:
        ValueError: it is not one, with what was expected; `shown_name` shows what was found.
    """
    # `$` of Python also matches in front of a last line end.
    if not _SOURCE.fullmatch(name) or name.endswith("\n"):
        raise ValueError(
            "expected the name of a source, 1 to 100 letters (a-z, A-Z), digits, `_`, `-` and `.`, the first one a "
            "letter, a digit or `_`"
        )
    if is_reserved_name(name):
        raise ValueError("expected the name of a source that Windows does not reserve for a device")
    return name


def shown_name(name: object) -> str:
    """A refused name for a message, on one line."""
    shown = ascii(name)
    return shown if len(shown) <= _LONGEST_SHOWN else f"{shown[:_LONGEST_SHOWN]}…"
