"""Files at known URLs: their settings, and lists of URLs read from a file of the department."""

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
"""Bytes; about a million URLs."""


class FileSource(Source):
    """Files at known URLs."""

    urls: list[Url] = []
    urls_file: str | None = None
    """A file in the folder of the department's package, one URL a line; empty lines and lines from `#` on are left out.
    """

    @model_validator(mode="after")
    def _some_urls(self) -> Self:
        if not self.urls and self.urls_file is None:
            raise ValueError("expected urls or urls_file, found neither")
        return self

    def with_urls_from(self, folder: Path) -> Self:
        """This source with the URLs of its `urls_file` behind its own.

        Args:
            folder: of the department's package. The file lies in it after links are resolved: a Variable and the
                parameter of a flow can name any path, and the file that it names is not shown.

        Raises:
            ValueError: the file is outside of `folder`, is not a regular file, is larger than `MAX_URLS_FILE` or cannot
                be read; a line is not a URL, named by its number alone; or there is no URL.
        """
        if self.urls_file is None:
            return self
        try:
            lines = read_inside(folder, self.urls_file, MAX_URLS_FILE).decode("utf-8-sig").splitlines()
        except UnicodeDecodeError:
            # The error of Python quotes what it found.
            raise ValueError(f"{self.name}: urls_file {self.urls_file}: expected text in UTF-8, found others") from None
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
    """One item for each URL of each source that the engine wants, in order; one that is named twice is one item."""
    networks = [source.network(engine.network) for source in sources]
    return [
        Item(source.name, url, network, withdraws=source.withdraws)
        for source, network in zip(sources, networks, strict=True)
        for url in dict.fromkeys(source.urls)
        if engine.wants(source.name, url)
    ]


async def ingest_files(engine: "Engine", sources: Sequence[FileSource]) -> list[Outcome]:
    """Fetch every URL of every source; one outcome each, in order.

    The first outcome of a source warns of URLs that are current although the source does not list them any more.

    Raises:
        StoreError: the store cannot be written.
    """
    outcomes = await engine.ingest(file_items(engine, sources))
    digests: dict[str, set[str]] = {}
    for source in sources:
        digests.setdefault(source.name, set()).update(map(url_digest, source.urls))
    return await with_warnings(engine.index, outcomes, {name: Listed(urls) for name, urls in digests.items()})


def read_inside(folder: Path, name: str, max_bytes: int) -> bytes:
    """The bytes of a regular file that settings name, inside of a folder.

    Whether a path outside exists is not revealed, and nothing but a regular file is opened: a FIFO would wait for a
    writer, a device may never end.

    Args:
        folder: of the package.
        name: of the file, relative to the folder.
        max_bytes: a larger file is refused.

    Raises:
        ValueError: the path leads outside, after links are resolved; it is not a regular file, or is too large.
        OSError: the file cannot be read.
    """
    inside = "expected a file in the folder of the package, such as urls/files.txt"
    if Path(name).is_absolute():
        raise ValueError(f"{inside}, found an absolute path")
    try:
        root = folder.resolve()
        path = (root / name).resolve()
    except RuntimeError:  # of Python before 3.13; later ones leave the loop in the path, and it cannot be opened
        raise ValueError(f"{inside}, found symbolic links in a loop") from None
    except ValueError:
        raise ValueError(f"{inside}, found a path with a NUL character") from None
    if not path.is_relative_to(root):
        raise ValueError(f"{inside}, found a path that leads outside")
    _check_regular(path.stat().st_mode)
    # The file may have been replaced since: no link is followed any more, and opening a FIFO does not wait.
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
