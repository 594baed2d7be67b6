"""Child processes: programs such as Docker with captured output, and a parallel map over all cores."""

import gc
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

T = TypeVar("T")
R = TypeVar("R")

FEW = 8
"""For fewer items no process is started."""
_CHUNKS = 8


def map_in_processes(
    work: Callable[[T], R], items: Sequence[T], prepare: Callable[[], None], begin: Callable[[], None]
) -> list[R]:
    """The results of all items, in their order.

    Processes are forked: what is imported before them is there in each, and costs nothing more.

    Args:
        work: what is done with each; a function of a module.
        items: handed to the processes.
        prepare: imports what all of them need, before they are forked.
        begin: what each of them does first.
    """
    if len(items) < FEW or not can_fork():
        return [work(item) for item in items]
    import multiprocessing
    from concurrent.futures import ProcessPoolExecutor
    from concurrent.futures.process import BrokenProcessPool

    prepare()
    cores = len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1
    sys.stdout.flush()
    sys.stderr.flush()
    # Otherwise each collection would write to, and so copy, what processes share.
    gc.collect()
    gc.freeze()
    try:
        context = multiprocessing.get_context("fork")
        with ProcessPoolExecutor(min(cores, len(items)), mp_context=context, initializer=begin) as pool:
            return list(pool.map(work, items, chunksize=max(1, len(items) // (cores * _CHUNKS))))
    except BrokenProcessPool:
        # One of the items ends its process; here it shows as it would without processes.
        return [work(item) for item in items]
    finally:
        gc.unfreeze()


def can_fork() -> bool:
    """Whether a process can be forked without harm: elsewhere than on Linux libraries do not expect it."""
    return sys.platform == "linux" and threading.active_count() == 1


_HINTS = {"docker": "install Docker with Compose 2.24 or later"}
_LAST_LINES = 5
_SHOWN_WORDS = 12


class ProgramError(Exception):
    """A program is not installed, or it failed: its message has the command, the exit status and its last lines."""


def start(command: Sequence[str], folder: Path | None, **streams: Any) -> "subprocess.Popen[bytes]":
    """Start a program.

    Args:
        command: the program and its arguments.
        folder: where it is started; the current one by default.
        streams: `stdin`, `stdout` and `stderr`, as `subprocess.Popen` takes them.

    Raises:
        ProgramError: it is not installed.
    """
    if shutil.which(command[0]) is None:
        hint = f"; {_HINTS[command[0]]}" if command[0] in _HINTS else ""
        raise ProgramError(f"expected the command {command[0]}, found none{hint}")
    return subprocess.Popen(command, cwd=folder, **streams)


def output(command: Sequence[str], folder: Path | None, *, text: str | None = None, **streams: Any) -> str:
    """Run a program, and return what it prints on stdout.

    Args:
        command: the program and its arguments.
        folder: where it is started; the current one by default.
        text: its input; without it, and without `stdin` in `streams`, it has none.
        streams: `stdin` and `stdout`, as `subprocess.Popen` takes them.

    Raises:
        ProgramError: it is not installed, or failed.
    """
    given = subprocess.DEVNULL if text is None else subprocess.PIPE
    streams = {"stdin": given, "stdout": subprocess.PIPE} | streams
    with start(command, folder, stderr=subprocess.PIPE, **streams) as process:
        out, said = process.communicate(None if text is None else text.encode())
    require_success(command, process.returncode, said.decode(errors="replace") or (out or b"").decode(errors="replace"))
    return (out or b"").decode()


def require_success(command: Sequence[str], status: int, said: str) -> None:
    """Check the exit status of a program that has ended.

    Args:
        command: the program and its arguments.
        status: the exit status.
        said: what it wrote on stderr.

    Raises:
        ProgramError: the status is not 0.
    """
    if status != 0:
        lines = [line.strip() for line in said.splitlines() if line.strip()][-_LAST_LINES:]
        more = " …" if len(command) > _SHOWN_WORDS else ""
        raise ProgramError(
            f"expected `{' '.join(command[:_SHOWN_WORDS])}{more}` to succeed, found exit status {status}: "
            f"{' / '.join(lines) or 'no message'}"
        )
