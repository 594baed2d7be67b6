"""Child processes: programs such as Docker with captured output, a parallel map, and the end of whole process trees.

`python -m airnub_cli.subprocesses` is the watchdog of `airnub dev`: it ends the services that are left when `airnub
dev` is killed (-9). It reads `+PID` and `-PID` on stdin, a line each; stdin ends when `airnub dev` does, whatever ended
it. The Prefect server needs no watchdog: it exits by itself when its parent does.
"""

import gc
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO, TypeVar

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

T = TypeVar("T")
R = TypeVar("R")

FEW = 8
"""Minimum number of items for which processes are started."""
_CHUNKS = 8
_CLEAN_UP_WITHIN = 10.0
"""Seconds that a child may take to exit after Ctrl-C."""


def map_in_processes(
    work: Callable[[T], R],
    items: Sequence[T],
    prepare: Callable[[], object] = lambda: None,
    begin: Callable[[], object] = lambda: None,
) -> list[R]:
    """Map a function over items in a pool of forked processes; return the results in the order of the items.

    Forked processes share the modules that were imported before, at no cost.

    Args:
        work: the function, which belongs to a module.
        items: its arguments.
        prepare: imports the modules that all processes need, before they are forked.
        begin: called first in each process.
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
    # Otherwise each collection would write to, and so copy, the memory that processes share.
    gc.collect()
    gc.freeze()
    try:
        context = multiprocessing.get_context("fork")
        with ProcessPoolExecutor(min(cores, len(items)), mp_context=context, initializer=begin) as pool:
            return list(pool.map(work, items, chunksize=max(1, len(items) // (cores * _CHUNKS))))
    except BrokenProcessPool:
        # An item crashed its process: without processes, the error is visible.
        return [work(item) for item in items]
    finally:
        gc.unfreeze()


@contextmanager
def without_collection() -> Iterator[None]:
    """Switch the garbage collector off, for a command that ends soon: it would search all of Prefect several times."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


@contextmanager
def beside(work: Callable[[], R]) -> Iterator[Callable[[], R]]:
    """Run a function in a forked process during the block; yields a function that waits for its result.

    If no process can be forked, or if the process fails, the function runs in this process when its result is wanted,
    so that its error is visible. Nothing is forked beside threads of libraries, either: grimp, for one, would wait in
    the child for threads that only this process has.

    The process is no daemon of `multiprocessing`, since a daemon may have no processes of its own. If this process is
    killed, the child ends as soon as it has a result.
    """
    if not can_fork() or _native_threads() != 1:
        yield work
        return
    import multiprocessing

    context = multiprocessing.get_context("fork")
    receiver, sender = context.Pipe(duplex=False)
    child = context.Process(target=_send, args=(receiver, sender, work), daemon=False)
    child.start()
    sender.close()

    def result() -> R:
        try:
            found: R = receiver.recv()
        except (EOFError, OSError):  # an OSError if the child was killed while it sent the result
            return work()
        return found

    try:
        yield result
    finally:
        child.kill()
        child.join()
        receiver.close()


def _native_threads() -> int | None:
    """The threads of this process, also those of libraries; `None` without /proc."""
    try:
        return len(os.listdir(_PROC / "self" / "task"))  # noqa: PTH208  # names are all that is needed
    except FileNotFoundError:
        return None


def _send(receiver: "Connection", sender: "Connection", work: Callable[[], Any]) -> None:
    receiver.close()  # otherwise a child whose parent was killed would wait for itself to read the result
    with suppress(Exception, KeyboardInterrupt, SystemExit):  # the parent repeats the work, and reports its error
        sender.send(work())


def can_fork() -> bool:
    """Whether a process can be forked safely: only on Linux, and only without other threads."""
    return sys.platform == "linux" and threading.active_count() == 1


_HINTS = {
    "docker": "install Docker with Compose 2.24 or later",
    "git": "install it",
    "uv": "pip install uv",
}
_LAST_LINES = 5
_SHOWN_WORDS = 12


class ProgramError(Exception):
    """A program is not installed, or it failed: its message has the command, the exit status and its last lines."""


@dataclass(frozen=True, slots=True)
class Completed:
    """A program that has exited."""

    status: int
    stdout: bytes
    stderr: bytes

    @property
    def text(self) -> str:
        """Its stdout, decoded like names of files."""
        return os.fsdecode(self.stdout)

    @property
    def error(self) -> str:
        """Its stderr, without white space around it."""
        return self.stderr.decode(errors="replace").strip()


def start(command: Sequence[str], folder: Path | None = None, **options: Any) -> "subprocess.Popen[bytes]":
    """Start a program.

    Args:
        command: the program and its arguments.
        folder: its working directory; `None` for the current one.
        options: streams and environment, as `subprocess.Popen` takes them.

    Raises:
        ProgramError: it is not installed.
    """
    if shutil.which(command[0]) is None:
        hint = f"; {_HINTS[command[0]]}" if command[0] in _HINTS else ""
        raise ProgramError(f"expected the command {command[0]}, found none{hint}")
    return subprocess.Popen(command, cwd=folder, **options)


def run(
    command: Sequence[str],
    folder: Path | None = None,
    *,
    given: bytes | None = None,
    timeout: float | None = None,
    **options: Any,
) -> Completed:
    """Run a program and capture its output, whatever its exit status.

    Args:
        command: the program and its arguments.
        folder: its working directory; `None` for the current one.
        given: its input; without it, and without `stdin` in `options`, it has none.
        timeout: seconds after which it is killed.
        options: streams and environment, as `subprocess.Popen` takes them.

    Raises:
        ProgramError: it is not installed.
        subprocess.TimeoutExpired: it did not exit in time.
    """
    stdin = subprocess.DEVNULL if given is None else subprocess.PIPE
    options = {"stdin": stdin, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | options
    with start(command, folder, **options) as process:
        try:
            out, error = process.communicate(given, timeout)
        except BaseException as error:
            if isinstance(error, KeyboardInterrupt):
                # Ctrl-C reaches the child, too, which may have to clean up.
                with suppress(subprocess.TimeoutExpired):
                    process.wait(_CLEAN_UP_WITHIN)
            process.kill()
            raise
    return Completed(process.returncode, out or b"", error or b"")


def output(command: Sequence[str], folder: Path | None = None, *, text: str | None = None, **options: Any) -> str:
    """Run a program, and return its stdout.

    Args:
        command: the program and its arguments.
        folder: its working directory; `None` for the current one.
        text: its input; without it, and without `stdin` in `options`, it has none.
        options: `stdin` and `stdout`, as `subprocess.Popen` takes them.

    Raises:
        ProgramError: it is not installed, or failed.
    """
    done = run(command, folder, given=None if text is None else text.encode(), **options)
    require_success(command, done.status, done.stderr.decode(errors="replace") or done.stdout.decode(errors="replace"))
    return done.stdout.decode()


def require_success(command: Sequence[str], status: int, said: str) -> None:
    """Check the exit status of a program that has ended.

    Args:
        command: the program and its arguments.
        status: the exit status.
        said: its stderr.

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


_LOOK_EVERY = 0.05
_PROC = Path("/proc")


def process_tree(*roots: int) -> set[int]:
    """The ids of the given processes and of all their descendants, including those in sessions of their own."""
    children: dict[int, list[int]] = {}
    alive = set()
    for pid, parent in _processes():
        children.setdefault(parent, []).append(pid)
        alive.add(pid)
    found: set[int] = set()
    waiting = [pid for pid in roots if pid in alive]
    while waiting:
        pid = waiting.pop()
        if pid not in found:
            found.add(pid)
            waiting += children.get(pid, [])
    return found


def end_processes(pids: Iterable[int], *, within: float) -> None:
    """Ask processes to end with SIGTERM, and kill those that are still there after `within` seconds."""
    left = set(pids)
    for pid in left:
        _signal(pid, signal.SIGTERM)
    deadline = time.monotonic() + within
    while left := _living(left):
        if time.monotonic() > deadline:
            for pid in process_tree(*left):
                _signal(pid, signal.SIGKILL)
            return
        time.sleep(_LOOK_EVERY)


def _living(pids: set[int]) -> set[int]:
    return pids & {pid for pid, _ in _processes()} if pids else set()


def _signal(pid: int, number: signal.Signals) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return


def _processes() -> list[tuple[int, int]]:
    """Every process with its parent, without zombies."""
    if (_PROC / "self" / "stat").is_file():
        return list(_from_proc())
    rows = (line.split() for line in output(["ps", "-A", "-o", "pid=,ppid=,stat="]).splitlines())
    return [(int(pid), int(parent)) for pid, parent, state, *_ in rows if not state.startswith("Z")]


def _from_proc() -> Iterator[tuple[int, int]]:
    """Read the processes from /proc on Linux, where `ps` may be missing."""
    for name in os.listdir(_PROC):  # noqa: PTH208  # names are all that is needed
        if name.isdecimal():
            try:
                said = (_PROC / name / "stat").read_text(encoding="utf-8", errors="replace")
            except OSError:
                continue  # ended in the meantime
            # The name of the command may hold spaces and parentheses; the last one closes it.
            state, parent, *_ = said.rpartition(")")[2].split()
            if state not in {"Z", "X"}:
                yield int(name), int(parent)


END_WITHIN = 10.0
"""Seconds that the watchdog lets processes exit."""


def still_guarded(orders: TextIO) -> set[int]:
    """Read process ids from stdin until it ends; return those that are still registered."""
    left: set[int] = set()
    for line in orders:
        pid = int(line[1:])
        if line.startswith("+"):
            left.add(pid)
        else:
            left.discard(pid)
    return left


def main() -> None:
    """The watchdog: wait until stdin ends, then end the registered processes."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    if left := still_guarded(sys.stdin):
        end_processes(process_tree(*left), within=END_WITHIN)


if __name__ == "__main__":
    main()
