"""A data root as a stream of files, in an order that is consistent while runs are in flight.

Objects, manifests and the files of datasets are added under new names and never changed; what refers to them is written
after them. So what refers is copied first, and what it refers to after that: the logs of datasets, which are made of
what an index knows; then indexes; then everything else. Whatever a copied log or index names existed before it was
copied, and is in the later listing. (The database of Prefect, whose artifacts name objects, is dumped before these.)
Removed in the meantime is only what nothing current refers to: `store gc` and a vacuum keep to that.

The stream is a line of JSON for each file, with its bytes behind it where the receiver does not have them, and one line
at the end that counts them.

`python -m airnub_cli.backup.data_root ORDER ROOT [LEFT_OUT]…`, in a container that has the volume:

send     the data root on stdout, as a stream; on stdin what the last backup has, as JSON
receive  the same from stdin; `receive-replacing` replaces what is there
content  what is in it, as JSON: words, or null where it is empty
verify   stores and datasets in it, as JSON
"""

import hashlib
import json
import os
import re
import shutil
import sqlite3
import sys
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from stat import S_ISREG
from typing import IO, NamedTuple

from airnub_core.store.factory import INDEX
from airnub_core.store.layout import HIDDEN
from airnub_prefect.integrity import verify_data

MARK = ".airnub-restore"
"""Is in a data root while it is restored; one that was interrupted is recognised by it."""
LOG = "_delta_log"
_NEWEST = "_last_checkpoint"
_LOG_VERSION = re.compile(r"^(\d{20})\.")
_PIECE = 1 << 20
_SYSTEM = "lost+found"
"""A folder that file systems make."""
# Caches, and what belongs to a process: staged rows, temporary files, locks.
_LEFT_OUT = re.compile(r"^(\.stage|lost\+found|\..*\.tmp|.*\.lock|\.airnub-(backup|restore).*)$")

Known = Mapping[str, tuple[int, int, str]]
"""Files that the last backup has, by path: size, time of modification in nanoseconds, digits of the SHA-256."""


class Header(NamedTuple):
    """A file of a stream."""

    path: str
    size: int
    modified_ns: int
    digits: str | None
    """Where the bytes are known to be in the vault; else they follow."""


class TreeError(Exception):
    """A stream is cut off, or a file changed while it was read."""


def send(root: Path, out: IO[bytes], known: Known, left_out: tuple[str, ...] = ()) -> int:
    """Write a data root as a stream; how many files it has.

    Args:
        root: the folder.
        out: where to.
        known: files that need not be sent if they are as they were.
        left_out: paths of folders and files, relative to the root, that are not part of it.

    Raises:
        OSError, sqlite3.Error: something cannot be read.
        TreeError: a file became shorter while it was read.
    """
    count = 0
    logs = sorted(path for path in _folders(root, left_out) if path.name == LOG)
    for path in (file for log in logs for file in _log_files(log)):
        count += _send_file(root, path, out, known)
    for path in _indexes(root, left_out):
        _send_index(root, path, out)
        count += 1
    for folder in _folders(root, left_out):
        if folder.name != LOG:
            for path in _files(root, folder, left_out):
                count += _send_file(root, path, out, known)
    out.write(json.dumps({"end": count}).encode() + b"\n")
    out.flush()
    return count


def headers(stream: IO[bytes]) -> Iterator[Header]:
    """The files of a stream; the caller reads the bytes of each before it takes the next.

    Raises:
        TreeError: the stream ends before its end.
    """
    count = 0
    while line := stream.readline():
        try:
            values = json.loads(line)
        except ValueError:
            raise TreeError(f"expected a file of the data root, found {line[:80]!r}") from None
        if "end" in values:
            if values["end"] != count:
                raise TreeError(f"expected {values['end']} files of the data root, found {count}")
            return
        yield Header(**values)
        count += 1
    raise TreeError(f"expected the whole data root, found a stream that ends after {count} files")


def copy_bytes(stream: IO[bytes], size: int, out: IO[bytes]) -> str:
    """Copy the bytes of a file of a stream; the digits of their SHA-256.

    Raises:
        TreeError: the stream ends before them.
        OSError: they cannot be written.
    """
    digest = hashlib.sha256()
    while size:
        piece = stream.read(min(size, _PIECE))
        if not piece:
            raise TreeError("expected the bytes of a file of the data root, found the end of the stream")
        digest.update(piece)
        out.write(piece)
        size -= len(piece)
    return digest.hexdigest()


def receive(root: Path, stream: IO[bytes], left_out: tuple[str, ...] = (), *, replace: bool = False) -> int:
    """Write a data root from a stream; how many files it has. While that is under way, a mark is in it.

    Args:
        root: the folder.
        stream: from where.
        left_out: names in the root that are not part of it, and stay.
        replace: remove what is there.

    Raises:
        TreeError: the root is not empty, and is not to be replaced; or the stream is cut off.
        OSError: it cannot be written.
    """
    if not replace and (found := content_of(root, left_out)):
        raise TreeError(f"expected an empty data root, found {found}")
    root.mkdir(parents=True, exist_ok=True)
    (root / MARK).touch()
    for entry in list(root.iterdir()):
        if entry.name not in {MARK, _SYSTEM, *left_out}:
            shutil.rmtree(entry) if entry.is_dir() and not entry.is_symlink() else entry.unlink()
    count = 0
    for header in headers(stream):
        target = root / header.path
        if not target.resolve().is_relative_to(root.resolve()):
            raise TreeError(f"expected a path below the data root, found {header.path!r}")
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("xb") as file:
            found = copy_bytes(stream, header.size, file)
        if header.digits is not None and found != header.digits:
            raise TreeError(f"{header.path}: expected the digest {header.digits}, found {found}; the vault is damaged")
        os.utime(target, ns=(header.modified_ns, header.modified_ns))
        count += 1
    os.sync()
    (root / MARK).unlink()
    return count


def content_of(root: Path, left_out: tuple[str, ...] = ()) -> str | None:
    """What is in a data root, in words; `None` where it is empty."""
    ignored = {_SYSTEM, *left_out}
    names = [entry.name for entry in root.iterdir() if entry.name not in ignored] if root.is_dir() else []
    if MARK in names:
        return "a restore that was interrupted"
    return f"{', '.join(sorted(names)[:5])}{' and more' * (len(names) > 5)}" if names else None


def _folders(root: Path, left_out: tuple[str, ...]) -> Iterator[Path]:
    """All folders with files of the tree."""
    for parent, children, _ in os.walk(root):
        children[:] = sorted(
            child
            for child in children
            if child != HIDDEN and not _LEFT_OUT.match(child) and _relative(root, Path(parent, child)) not in left_out
        )
        yield Path(parent)


def _indexes(root: Path, left_out: tuple[str, ...]) -> Iterator[Path]:
    for folder in _folders(root, left_out):
        if (folder / HIDDEN / INDEX).is_file():
            yield folder / HIDDEN / INDEX


def _files(root: Path, folder: Path, left_out: tuple[str, ...]) -> Iterator[Path]:
    for entry in sorted(os.scandir(folder), key=lambda one: one.name):
        path = Path(entry.path)
        is_left_out = _LEFT_OUT.match(entry.name) or _relative(root, path) in left_out
        if entry.is_file(follow_symlinks=False) and not is_left_out:
            yield path


def _log_files(log: Path) -> list[Path]:
    """The log of a dataset up to one version. What points to the newest checkpoint comes first.

    A folder that is listed while files are added may show a later one without the one before it: so the second listing
    is taken, up to the newest version of the first.
    """
    first = [int(found.group(1)) for entry in os.scandir(log) if (found := _LOG_VERSION.match(entry.name))]
    newest = max(first, default=-1)
    files = []
    for entry in sorted(os.scandir(log), key=lambda one: one.name):
        found = _LOG_VERSION.match(entry.name)
        is_later = found is not None and int(found.group(1)) > newest
        if entry.is_file(follow_symlinks=False) and not _LEFT_OUT.match(entry.name) and not is_later:
            files.append(Path(entry.path))
    return sorted(files, key=lambda path: path.name != _NEWEST)


def _send_index(root: Path, path: Path, out: IO[bytes]) -> None:
    """A copy of an index as of one moment, by SQLite itself, while runs write into it."""
    copy = root / f".airnub-backup-{os.urandom(8).hex()}"
    try:
        copy_database(path, copy)
        _write(root, path, copy, out)
    finally:
        copy.unlink(missing_ok=True)


def copy_database(path: Path, copy: Path) -> None:
    """Copy an SQLite database as of one moment, while others write into it.

    Raises:
        sqlite3.Error, OSError: it cannot be read or written.
    """
    with closing(sqlite3.connect(path, timeout=60)) as source, closing(sqlite3.connect(copy)) as target:
        source.backup(target)
        # One file, whatever the journal of the original was.
        target.execute("PRAGMA journal_mode = DELETE")


def _send_file(root: Path, path: Path, out: IO[bytes], known: Known) -> int:
    try:
        found = path.stat()
        size, modified, digits = known.get(_relative(root, path), (-1, -1, ""))
        if (size, modified) == (found.st_size, found.st_mtime_ns):
            _line(Header(_relative(root, path), size, modified, digits), out)
        else:
            _write(root, path, path, out)
    except FileNotFoundError:
        return 0  # nothing current refers to what a vacuum has just removed
    return 1


def _write(root: Path, path: Path, content: Path, out: IO[bytes]) -> None:
    with content.open("rb") as file:
        found = os.fstat(file.fileno())
        if not S_ISREG(found.st_mode):
            raise TreeError(f"{path}: expected a file, found something else")
        _line(Header(_relative(root, path), found.st_size, found.st_mtime_ns, None), out)
        left = found.st_size
        while left:
            piece = file.read(min(left, _PIECE))
            if not piece:
                raise TreeError(f"{path}: expected {found.st_size} bytes, found {found.st_size - left}: it has changed")
            out.write(piece)
            left -= len(piece)


def _line(header: Header, out: IO[bytes]) -> None:
    out.write(json.dumps(header._asdict()).encode() + b"\n")


def _relative(root: Path, path: Path) -> str:
    return path.relative_to(root).as_posix()


def main(order: str, root: Path, left_out: tuple[str, ...] = ()) -> None:
    """Do what was ordered.

    Raises:
        TreeError, OSError, sqlite3.Error: it cannot be done.
    """
    if order == "send":
        known = {path: tuple(values) for path, values in json.load(sys.stdin).items()}
        send(root, sys.stdout.buffer, known, left_out)
    elif order in {"receive", "receive-replacing"}:
        receive(root, sys.stdin.buffer, left_out, replace=order != "receive")
    elif order == "content":
        sys.stdout.write(json.dumps(content_of(root, left_out)))
    elif order == "verify":
        sys.stdout.write(json.dumps(verify_data(root).as_json()))
    else:
        raise TreeError(f"expected send, receive, receive-replacing, content or verify, found {order!r}")


if __name__ == "__main__":
    try:
        main(sys.argv[1], Path(sys.argv[2]), tuple(sys.argv[3:]))
    except (TreeError, sqlite3.Error) as error:
        sys.exit(str(error))
    except OSError as error:
        sys.exit(f"{error.filename or sys.argv[2]}: {error.strerror or error}")
