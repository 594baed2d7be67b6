"""A transaction over many files: either all are written or none, even after a crash.

Everything is written beside first, in `.airnub/` of the root, and made durable with a journal of what was there before.
Then each change is one rename. Whoever is killed between them leaves the journal, and the next `airnub` command puts
back what was. A lock, which ends with its process, says who is at work.
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

_HOME, _LOCK, _LANDING, _JOURNAL = ".airnub", "lock", "landing", "journal.json"
_AFTER, _BEFORE = "after", "before"


def reports_mistakes(work: Callable[..., None]) -> Callable[..., None]:
    """A command that reports mistakes, and that nothing was written, with exit status 2."""

    @wraps(work)
    def reported(*arguments: Any, **options: Any) -> None:
        try:
            work(*arguments, **options)
        except (WorkspaceError, ConfigurationError) as error:
            message = str(error)
            click.secho(message, fg="red", err=True)
            if not message.endswith(("nothing was written", "nothing was removed")):
                click.echo("nothing was written", err=True)
            sys.exit(2)

    return reported


@contextmanager
def at_work(root: Path) -> Iterator[Path]:
    """A folder in which a change is prepared, on the checkout's own file system; one change at a time.

    What an interrupted one left is put back before. SIGTERM ends the block as Ctrl-C does.

    Raises:
        WorkspaceError: another one is under way.
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
    """Put back what an interrupted change did to the checkout around a folder, and remove what it left.

    Returns:
        Lines to be told; none where there was nothing to do.
    """
    root = next((one for one in (folder, *folder.parents) if (one / _HOME).is_dir()), None)
    lock = _locked(root / _HOME) if root else None
    if root is None or lock is None:
        return []  # whoever has the lock is at work
    try:
        return _put_back(root, root / _HOME)
    finally:
        _released(root / _HOME, lock)


def write_together(root: Path, files: Mapping[str, bytes | None], gone: tuple[str, ...] = ()) -> None:
    """Bring files to their new content, all or none. Only inside of `at_work`.

    Args:
        root: of the checkout.
        files: content by path relative to the root; `None` removes a file.
        gone: folders that are removed with all that is in them.

    Raises:
        OSError: something could not be written; everything is as it was.
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
    # From here on it has happened; until here, `at_work` puts everything back.
    landing.rename(home / f"landed-{os.getpid()}")
    _sync(home)


def _write(root: Path, folder: Path, files: Mapping[str, bytes | None], gone: tuple[str, ...]) -> list[dict[str, Any]]:
    """The journal: each entry a rename, new folders whole."""
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
    """Undo what a journal says, as far as it was done, and remove what dead processes left."""
    landing, told = home / _LANDING, []
    if landing.is_dir():
        journal: list[dict[str, Any]] = json.loads((landing / _JOURNAL).read_text(encoding="utf-8"))
        for index, one in reversed(list(enumerate(journal))):
            if not _undo(root / one["path"], landing, index, one):
                told.append(f"{one['path']} was changed by somebody else since, and is left as it is")
        for parent in {(root / one["path"]).parent for one in journal}:
            _sync(parent)
        landing.rename(home / f"undone-{os.getpid()}")
        _sync(home)
        told.append("an interrupted change of the checkout was undone; everything is as it was before it")
    for left in home.iterdir():
        if left.is_dir():
            shutil.rmtree(left, ignore_errors=True)
    return told


def _undo(target: Path, landing: Path, index: int, one: Mapping[str, Any]) -> bool:
    """Whether a change is undone; not where somebody else changed what it made."""
    before, after = landing / _BEFORE / str(index), landing / _AFTER / str(index)
    if one["kind"] == "drop":
        if before.exists() and not target.exists():
            before.rename(target)
        return True
    if after.exists():
        return True  # it was not done
    if target.exists() and _digest(target) != one["digest"]:
        # Or this was killed before: what was is there again.
        return bool(one["was"]) and target.is_file() and target.read_bytes() == before.read_bytes()
    if one["was"]:
        # A copy, so that this can be interrupted too.
        copy = landing / f"copy-{index}"
        shutil.copy2(before, copy)
        copy.replace(target)
    elif target.exists():
        target.rename(after)
    return True


def _topmost_new(root: Path, path: str) -> str:
    """The path itself, or the folder around it that does not exist yet: it comes as a whole."""
    parts = Path(path).parts
    for end in range(1, len(parts)):
        if not root.joinpath(*parts[:end]).exists():
            return "/".join(parts[:end])
    return path


def _digest(path: Path) -> str:
    """Of a file, or of all in a folder but what Python compiled there."""
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
    """The lock, `None` where another process has it."""
    while True:
        home.mkdir(exist_ok=True)
        path = home / _LOCK
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        except FileNotFoundError:
            continue  # its owner has just removed the folder
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # Its last owner may have removed it between the two.
            if os.fstat(descriptor).st_nlink:
                return descriptor
        except OSError:
            os.close(descriptor)
            return None
        os.close(descriptor)


def _released(home: Path, descriptor: int) -> None:
    """Leave nothing behind, unless there is something to be put back."""
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
