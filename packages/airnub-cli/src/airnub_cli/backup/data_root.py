"""A data root as a stream of files, in an order that is consistent while runs are in flight.

Objects, manifests and the files of datasets are added under new names, and references to them are written after them.
They are not changed; only a damaged file, or the manifest of a withdrawn URL, is replaced, by a rename. So references
are copied before what they refer to: the logs of datasets, which are derived from an index; then indexes; then
everything else. Everything that a copied log or index refers to existed before it was copied, and is in the later
listing. (The database of Prefect, whose artifacts refer to objects, is dumped before these.) `store gc` and a vacuum
remove only what nothing current refers to.

The stream has a line of JSON for each file, followed by its bytes if the receiver does not have them, and a final line
with the number of files. It leaves out `.airnub` of each store except its index, staged rows of datasets, temporary
files and locks.

`python -m airnub_cli.backup.data_root ORDER ROOT [LEFT_OUT]…`, in a container that has the volume:

send     write the data root to stdout, as a stream; stdin has the files of the last backup, as JSON
receive  read a stream from stdin into the data root; `receive-replacing` replaces its content
content  print the content of the data root as JSON: a text, or null if it is empty
verify   verify its stores and datasets, and print the result as JSON
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
"""A file in a data root during a restore; it remains if the restore is interrupted."""
LOG = "_delta_log"
_NEWEST = "_last_checkpoint"
_LOG_VERSION = re.compile(r"^(\d{20})\.")
_PIECE = 1 << 20
_SYSTEM = "lost+found"
"""A folder that file systems create."""
# Caches, and files of running processes: staged rows, temporary files, locks.
_LEFT_OUT = re.compile(r"^(\.stage|lost\+found|\..*\.tmp|.*\.lock|\.airnub-(backup|restore).*)$")

Known = Mapping[str, tuple[int, int, str]]
"""Files that the last backup has, by path: size, time of modification in nanoseconds, digits of the SHA-256."""


class Header(NamedTuple):
    """A file of a stream."""

    path: str
    size: int
    modified_ns: int
    digits: str | None
    """The SHA-256 of a content that the vault has; `None` if the bytes follow."""


class TreeError(Exception):
    """A stream is incomplete, or a file changed while it was read."""


def send(root: Path, out: IO[bytes], known: Known, left_out: tuple[str, ...] = ()) -> int:
    """Write a data root as a stream, and return the number of its files.

    Args:
        root: the folder.
        out: the destination.
        known: files whose bytes are not sent if size and time are unchanged.
        left_out: paths of folders and files to skip, relative to the root.

    Raises:
        OSError, sqlite3.Error: a file cannot be read.
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
    """Yield the files of a stream; the caller reads the bytes of each before the next.

    Raises:
        TreeError: the stream is incomplete or invalid.
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
    """Copy the bytes of one file of a stream, and return the digits of their SHA-256.

    Raises:
        TreeError: the stream ends early.
        OSError: the bytes cannot be written.
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
    """Write a data root from a stream, and return the number of its files. The file `MARK` exists meanwhile.

    Args:
        root: the folder.
        stream: the source.
        left_out: names in the root to keep.
        replace: remove existing content.

    Raises:
        TreeError: the root is not empty and `replace` is not set, or the stream is incomplete.
        OSError: a file cannot be written.
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
    """The content of a data root, in words; `None` if it is empty."""
    ignored = {_SYSTEM, *left_out}
    names = [entry.name for entry in root.iterdir() if entry.name not in ignored] if root.is_dir() else []
    if MARK in names:
        return "a restore that was interrupted"
    return f"{', '.join(sorted(names)[:5])}{' and more' * (len(names) > 5)}" if names else None


def _folders(root: Path, left_out: tuple[str, ...]) -> Iterator[Path]:
    """Yield all folders that are part of the data root."""
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
    """The log files of a dataset up to one version, the pointer to the newest checkpoint first.

    A folder that is listed while files are added may show a file without an earlier one. So the second listing is used,
    up to the newest version of the first.
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
    """Send a consistent copy of an index, made by SQLite itself, while runs write into it."""
    copy = root / f".airnub-backup-{os.urandom(8).hex()}"
    try:
        copy_database(path, copy)
        _write(root, path, copy, out)
    finally:
        copy.unlink(missing_ok=True)


def copy_database(path: Path, copy: Path) -> None:
    """Make a consistent copy of an SQLite database while other processes write into it.

    Raises:
        sqlite3.Error, OSError: a database cannot be read or written.
    """
    with closing(sqlite3.connect(path, timeout=60)) as source, closing(sqlite3.connect(copy)) as target:
        source.backup(target)
        # A single file, whatever the journal mode of the original.
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
        return 0  # removed by a vacuum, so nothing current refers to it
    return 1


def _write(root: Path, path: Path, content: Path, out: IO[bytes]) -> None:
    with content.open("rb") as file:
        found = os.fstat(file.fileno())
        if not S_ISREG(found.st_mode):
            raise TreeError(f"{path}: expected a regular file, found a different kind of entry; remove it")
        _line(Header(_relative(root, path), found.st_size, found.st_mtime_ns, None), out)
        left = found.st_size
        while left:
            piece = file.read(min(left, _PIECE))
            if not piece:
                raise TreeError(
                    f"{path}: expected {found.st_size} bytes, found {found.st_size - left}; the "
                    "file changed while it was read"
                )
            out.write(piece)
            left -= len(piece)


def _line(header: Header, out: IO[bytes]) -> None:
    out.write(json.dumps(header._asdict()).encode() + b"\n")


def _relative(root: Path, path: Path) -> str:
    return path.relative_to(root).as_posix()


def main(order: str, root: Path, left_out: tuple[str, ...] = ()) -> None:
    """Execute an order.

    Raises:
        TreeError, OSError, sqlite3.Error: it failed.
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
