"""A transaction over many files: either all are written or none, even after a crash.

All new files are first written to `.airnub/` of the root, and made durable with a journal of the previous content. Then
each change is one rename. A command that is killed between the renames leaves the journal, and the next `airnub`
command rolls the change back. A lock, which the system releases when its process ends, keeps other commands out.
"""

import fcntl
import hashlib
import json
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import wraps
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

import click

from airnub_cli.workspace import WorkspaceError
from airnub_prefect.errors import ConfigurationError
from airnub_prefect.exit_codes import INVALID

_HOME, _LOCK, _LANDING, _JOURNAL = ".airnub", "lock", "landing", "journal.json"
_AFTER, _BEFORE = "after", "before"


def reports_mistakes(work: Callable[..., None]) -> Callable[..., None]:
    """Make a command print mistakes and the words "nothing was written", and exit with status 2."""

    @wraps(work)
    def reported(*arguments: Any, **options: Any) -> None:
        try:
            work(*arguments, **options)
        except (WorkspaceError, ConfigurationError) as error:
            message = str(error)
            click.secho(message, fg="red", err=True)
            if not message.endswith(("nothing was written", "nothing was removed")):
                click.echo("nothing was written", err=True)
            sys.exit(INVALID)

    return reported


@contextmanager
def at_work(root: Path) -> Iterator[Path]:
    """Lock a checkout, and yield a folder on its file system in which a change is prepared.

    An interrupted change is rolled back before. SIGTERM ends the block as Ctrl-C does.

    Raises:
        WorkspaceError: a different command has the lock.
    """
    home = root / _HOME
    lock = _locked(home)
    if lock is None:
        raise WorkspaceError(f"another airnub command is modifying {root}; wait until it has ended")
    try:
        _put_back(root, home)
        with _ended_by_signals(), tempfile.TemporaryDirectory(prefix="prepared-", dir=home) as folder:
            yield Path(folder)
    finally:
        _put_back(root, home)
        _released(home, lock)


def recover(folder: Path) -> list[str]:
    """Roll back an interrupted change of the checkout around a folder, and remove its leftovers.

    Returns:
        Lines to print; empty if there was nothing to do.
    """
    root = next((one for one in (folder, *folder.parents) if (one / _HOME).is_dir()), None)
    lock = _locked(root / _HOME) if root else None
    if root is None or lock is None:
        return []  # the process that has the lock is still running
    try:
        return _put_back(root, root / _HOME)
    finally:
        _released(root / _HOME, lock)


def write_together(root: Path, files: Mapping[str, bytes | None], gone: tuple[str, ...] = ()) -> None:
    """Write files, all or none; call it only inside of `at_work`.

    Args:
        root: of the checkout.
        files: content by path relative to the root; `None` removes a file.
        gone: folders to remove with their content.

    Raises:
        OSError: a file could not be written; all changes are rolled back.
    """
    home = root / _HOME
    preparing = Path(tempfile.mkdtemp(prefix="prepared-", dir=home))
    journal = _write(root, preparing, files, gone)
    landing = home / _LANDING
    preparing.rename(landing)
    _sync(home)
    for index, one in enumerate(journal):
        target = root / one["path"]
        if one["kind"] == "place":
            (landing / _AFTER / str(index)).rename(target)
        else:
            target.rename(landing / _BEFORE / str(index))
    for parent in {(root / one["path"]).parent for one in journal}:
        _sync(parent)
    # This rename commits the change; before it, `at_work` rolls everything back.
    landing.rename(home / f"landed-{os.getpid()}")
    _sync(home)


def _write(root: Path, folder: Path, files: Mapping[str, bytes | None], gone: tuple[str, ...]) -> list[dict[str, Any]]:
    """Write the new content and the journal, in which each entry is one rename; a new folder is one entry."""
    (folder / _AFTER).mkdir()
    (folder / _BEFORE).mkdir()
    indices: dict[str, int] = {}
    journal: list[dict[str, Any]] = []
    for path, content in sorted(files.items()):
        target, top = root / path, _topmost_new(root, path)
        if content is None:
            journal.append({"kind": "drop", "path": path})
            continue
        if top not in indices:
            indices[top] = len(journal)
            journal.append({"kind": "place", "path": top, "was": target.is_file()})
        index = indices[top]
        made = folder / _AFTER / str(index) / Path(path).relative_to(top)
        made.parent.mkdir(parents=True, exist_ok=True)
        made.write_bytes(content)
        if target.is_file():
            shutil.copymode(target, made)
            shutil.copy2(target, folder / _BEFORE / str(index))
    journal += [{"kind": "drop", "path": path} for path in gone]
    for index, one in enumerate(journal):
        if one["kind"] == "place":
            one["digest"] = _digest(folder / _AFTER / str(index))
    (folder / _JOURNAL).write_text(json.dumps(journal, indent=1), encoding="utf-8")
    for parent, _, names in os.walk(folder):
        for name in names:
            _sync(Path(parent, name))
        _sync(Path(parent))
    return journal


def _put_back(root: Path, home: Path) -> list[str]:
    """Undo the renames of a journal that were executed, and remove leftovers of dead processes."""
    landing, lines = home / _LANDING, []
    if landing.is_dir():
        journal: list[dict[str, Any]] = json.loads((landing / _JOURNAL).read_text(encoding="utf-8"))
        for index, one in reversed(list(enumerate(journal))):
            if not _undo(root / one["path"], landing, index, one):
                lines.append(f"{one['path']} was changed in the meantime, and is not rolled back")
        for parent in {(root / one["path"]).parent for one in journal}:
            _sync(parent)
        landing.rename(home / f"undone-{os.getpid()}")
        _sync(home)
        lines.append("an interrupted change of the checkout was rolled back")
    for left in home.iterdir():
        if left.is_dir():
            shutil.rmtree(left, ignore_errors=True)
    return lines


def _undo(target: Path, landing: Path, index: int, one: Mapping[str, Any]) -> bool:
    """Undo one change; return False if the file was changed in the meantime."""
    before, after = landing / _BEFORE / str(index), landing / _AFTER / str(index)
    if one["kind"] == "drop":
        if before.exists() and not target.exists():
            before.rename(target)
        return True
    if after.exists():
        return True  # the change was not executed
    if target.exists() and _digest(target) != one["digest"]:
        # Or an earlier rollback was killed after it restored this file.
        return bool(one["was"]) and target.is_file() and target.read_bytes() == before.read_bytes()
    if one["was"]:
        # Copied, so that the rollback can be interrupted too.
        copy = landing / f"copy-{index}"
        shutil.copy2(before, copy)
        copy.replace(target)
    elif target.exists():
        target.rename(after)
    return True


def _topmost_new(root: Path, path: str) -> str:
    """The topmost folder of a path that does not exist yet, which one rename creates; else the path itself."""
    parts = Path(path).parts
    for end in range(1, len(parts)):
        if not root.joinpath(*parts[:end]).exists():
            return "/".join(parts[:end])
    return path


def _digest(path: Path) -> str:
    """The digest of a file, or of all files in a folder except Python's bytecode."""
    if path.is_file():
        return hashlib.sha256(path.read_bytes()).hexdigest()
    whole = hashlib.sha256()
    for one in sorted(path.rglob("*")):
        if one.is_file() and "__pycache__" not in one.parts:
            whole.update(f"{one.relative_to(path).as_posix()} {_digest(one)}\n".encode())
    return whole.hexdigest()


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _locked(home: Path) -> int | None:
    """Take the lock; return its file descriptor, or `None` if a different process has it."""
    while True:
        home.mkdir(exist_ok=True)
        path = home / _LOCK
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        except FileNotFoundError:
            continue  # the previous owner has just removed the folder
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # The previous owner may have removed the file in between.
            if os.fstat(descriptor).st_nlink:
                return descriptor
        except OSError:
            os.close(descriptor)
            return None
        os.close(descriptor)


def _released(home: Path, descriptor: int) -> None:
    """Release the lock, and remove `.airnub/` unless it has a change to roll back."""
    if not (home / _LANDING).is_dir():
        for left in home.iterdir():
            if left.is_dir():
                shutil.rmtree(left, ignore_errors=True)
        (home / _LOCK).unlink(missing_ok=True)
        with suppress(OSError):
            home.rmdir()
    os.close(descriptor)


@contextmanager
def _ended_by_signals() -> Iterator[None]:
    def end(_number: int, _frame: FrameType | None) -> NoReturn:
        raise KeyboardInterrupt

    before = {number: signal.signal(number, end) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
