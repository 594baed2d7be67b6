"""Layout: the paths of objects and manifests, and the valid names of objects and sources.

<root>/<source>/<hex[:2]>/<hex>/<file name>
                                <file name>.manifest.json

<hex> is the SHA-256 of the object's bytes; a further URL with the same bytes has a manifest of its own beside it,
<file name>.<first 8 digits of the URL's SHA-256>.manifest.json.
"""

import re
from functools import lru_cache
from typing import NamedTuple

from airnub_common import is_reserved_name, safe_file_name

HIDDEN = ".airnub"
"""The hidden folder: staging, partial files, the index."""
SUFFIX = ".manifest.json"
"""The suffix of manifests."""
SOURCE_PATTERN = "^[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}$"
"""Pattern of source names for JSON schemas; `checked_source_name` has the complete rule."""
_SOURCE = re.compile(SOURCE_PATTERN)
_LONGEST_SHOWN = 60


class Staged(NamedTuple):
    """A staged folder with `<file_name>` and `<file_name>.manifest.json`; a plain value, sent between processes."""

    folder: str
    """Absolute path of a local folder."""
    source: str
    file_name: str
    """A safe file name without the suffix of manifests."""
    hex_digits: str
    """SHA-256 of the bytes, 64 hexadecimal digits."""
    size: int
    """Size in bytes."""
    url_digest: str
    is_logged: bool = False
    """Whether a write-ahead log has the bytes and the manifest too."""

    @property
    def home(self) -> str:
        """The staging folder of the process; each process and thread that stages has a folder of its own in it."""
        return self.folder.rsplit("/", 2)[0]


def object_name(file_name: str) -> str:
    """Convert a file name to a safe one without the suffix of manifests."""
    safe = safe_file_name(file_name)
    return safe[: -len(SUFFIX)] + ".manifest_json" if safe.endswith(SUFFIX) else safe


def object_path(source: str, hex_digits: str, file_name: str) -> str:
    """The path of an object, relative to the store."""
    return f"{source}/{hex_digits[:2]}/{hex_digits}/{file_name}"


def derived_url(url: str, file_name: str) -> str:
    """The URL that identifies an object derived from the responses of `url`, which may have an object of its own."""
    return f"{url}#{file_name}"


def records_name(source: str) -> str:
    """The name of the file with the records of an API."""
    return f"{source}.jsonl"


def links_name(source: str) -> str:
    """The name of the file that lists the links of a page."""
    return f"{source}.links.json"


@lru_cache(1024)  # called for every item with the name of its source
def checked_source_name(name: str) -> str:
    """Validate the name of a source, which becomes a folder of the store on any file system; returns the name.

    Names are checked only on writing; existing folders that an earlier rule allowed are still read and verified.

    Raises:
        ValueError: the name is invalid; the message says what was expected, `shown_name` formats what was found.
    """
    # `$` in Python also matches before a final newline.
    if not _SOURCE.fullmatch(name) or name.endswith("\n"):
        raise ValueError(
            "expected the name of a source, 1 to 100 letters (a-z, A-Z), digits, `_`, `-` and `.`, the first one a "
            "letter, a digit or `_`"
        )
    if is_reserved_name(name):
        raise ValueError("expected the name of a source that Windows does not reserve for a device")
    return name


def shown_name(name: object) -> str:
    """An invalid name as one short line, for an error message."""
    shown = ascii(name)
    return shown if len(shown) <= _LONGEST_SHOWN else f"{shown[:_LONGEST_SHOWN]}…"
