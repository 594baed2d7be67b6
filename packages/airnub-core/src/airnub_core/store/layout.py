"""Layout: where objects and manifests lie and how they are called; the one place that builds their paths.

<root>/<source>/<hex[:2]>/<hex>/<file name>
                                <file name>.manifest.json
"""

from pathlib import Path
from typing import NamedTuple

from airnub_common import safe_file_name

HIDDEN = ".airnub"
"""The folder of what is not an object: staging, partial files, the index."""
SUFFIX = ".manifest.json"
"""Of the manifest beside an object."""


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
