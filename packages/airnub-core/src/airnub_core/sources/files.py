"""Files at known URLs: settings and ingestion; the URLs may be listed in a file of the department's package."""

import os
import stat
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Self

from pydantic import model_validator

from airnub_core.http.url import check_url
from airnub_core.items import Item
from airnub_core.outcome import Outcome
from airnub_core.sources.base import Listed, Source, Url, with_warnings
from airnub_core.store.manifest import url_digest

if TYPE_CHECKING:
    from airnub_core.engine import Engine

MAX_URLS_FILE = 64 * 1024**2
"""Largest `urls_file` in bytes; about a million URLs."""


class FileSource(Source):
    """A source of files at known URLs."""

    urls: list[Url] = []
    urls_file: str | None = None
    """Path of a file in the department's package with one URL per line; empty lines and `#` comments are ignored."""

    @model_validator(mode="after")
    def _some_urls(self) -> Self:
        if not self.urls and self.urls_file is None:
            raise ValueError("expected urls or urls_file, found neither")
        return self

    def with_urls_from(self, folder: Path) -> Self:
        """Return a copy of this source with the URLs of its `urls_file` appended to its own.

        Args:
            folder: folder of the department's package. The resolved file must be inside, since a Variable or the
                parameter of a flow may name any path; for the same reason errors do not quote its content.

        Raises:
            ValueError: the file is outside `folder`, is not a regular file, is larger than `MAX_URLS_FILE` or cannot be
                read; a line is not a URL; or there is no URL.
        """
        if self.urls_file is None:
            return self
        try:
            lines = read_inside(folder, self.urls_file, MAX_URLS_FILE).decode("utf-8-sig").splitlines()
        except UnicodeDecodeError:
            # Not chained, since Python's error quotes the content.
            raise ValueError(
                f"{self.name}: urls_file {self.urls_file}: expected text in UTF-8, found other bytes"
            ) from None
        except ValueError as error:
            raise ValueError(f"{self.name}: urls_file {self.urls_file}: {error}") from None
        except OSError as error:
            reason = error.strerror or type(error).__name__
            raise ValueError(f"{self.name}: urls_file {self.urls_file} cannot be read: {reason}") from None
        path = folder / self.urls_file
        urls = list(self.urls)
        for number, line in enumerate(lines, 1):
            url = line.partition(" #")[0].strip()
            if not url or url.startswith("#"):
                continue
            try:
                urls.append(check_url(url))
            except ValueError as error:
                raise ValueError(f"{path}:{number}: {error}, found other text, which is not shown") from None
        if not urls:
            raise ValueError(f"{path}: expected at least one URL, found none")
        return self.model_copy(update={"urls": urls, "urls_file": None})


def file_items(engine: "Engine", sources: Sequence[FileSource]) -> list[Item]:
    """Create one item per distinct URL of each source, in order, without those that the engine skips."""
    networks = [source.network(engine.network) for source in sources]
    return [
        Item(source.name, url, network, withdraws=source.withdraws)
        for source, network in zip(sources, networks, strict=True)
        for url in dict.fromkeys(source.urls)
        if engine.wants(source.name, url)
    ]


async def ingest_files(engine: "Engine", sources: Sequence[FileSource]) -> list[Outcome]:
    """Fetch the URLs of all sources; return one outcome per URL, in order.

    The first outcome of a source has a warning if the store has current URLs that the source no longer lists.

    Raises:
        StoreError: the store cannot be written.
    """
    outcomes = await engine.ingest(file_items(engine, sources))
    digests: dict[str, set[str]] = {}
    for source in sources:
        digests.setdefault(source.name, set()).update(map(url_digest, source.urls))
    return await with_warnings(engine.index, outcomes, {name: Listed(urls) for name, urls in digests.items()})


def read_inside(folder: Path, name: str, max_bytes: int) -> bytes:
    """Read a regular file inside a folder, by a path from settings, which is relative to the folder.

    It does not reveal whether a path outside the folder exists. Only regular files are opened, since a FIFO would wait
    for a writer and a device may never end.

    Raises:
        ValueError: the resolved path is outside the folder, is not a regular file, or the file is too large.
        OSError: the file cannot be read.
    """
    inside = "expected a file in the folder of the package, such as urls/files.txt"
    if Path(name).is_absolute():
        raise ValueError(f"{inside}, found an absolute path")
    try:
        root = folder.resolve()
        path = (root / name).resolve()
    except RuntimeError:  # Python before 3.13; later versions keep the loop, and opening fails
        raise ValueError(f"{inside}, found symbolic links in a loop") from None
    except ValueError:
        raise ValueError(f"{inside}, found a path with a NUL character") from None
    if not path.is_relative_to(root):
        raise ValueError(f"{inside}, found a path that leads outside")
    _check_regular(path.stat().st_mode)
    # The file may have been replaced since: O_NOFOLLOW follows no link, O_NONBLOCK does not wait for a FIFO.
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as file:
        _check_regular(os.fstat(descriptor).st_mode)
        content = file.read(max_bytes + 1)
    if len(content) > max_bytes:
        raise ValueError(f"expected a file of at most {max_bytes:,} bytes, found a larger one")
    return content


def _check_regular(mode: int) -> None:
    if not stat.S_ISREG(mode):
        kind = "a folder" if stat.S_ISDIR(mode) else "a device, a FIFO or a socket"
        raise ValueError(f"expected a regular file, found {kind}")
