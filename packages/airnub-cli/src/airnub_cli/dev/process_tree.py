"""A process and all its descendants, including those that started sessions of their own.

The watchdog, `python -m airnub_cli.dev.process_tree`, ends the services that are left when `airnub dev` is killed (-9).
It reads `+PID` and `-PID` on stdin, a line each; stdin ends when `airnub dev` does, whatever ended it. The server needs
no watchdog: it exits by itself when its parent does.
"""

import os
import signal
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TextIO

from airnub_cli.subprocesses import output

_LOOK_EVERY = 0.05
_PROC = Path("/proc")


def tree(*roots: int) -> set[int]:
    """The ids of the given processes and of all their existing descendants."""
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


def end(pids: Iterable[int], *, within: float) -> None:
    """Ask processes to end with SIGTERM, and kill those that are still there after `within` seconds."""
    left = set(pids)
    for pid in left:
        _signal(pid, signal.SIGTERM)
    deadline = time.monotonic() + within
    while left := _living(left):
        if time.monotonic() > deadline:
            for pid in tree(*left):
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


PATIENCE = 10.0
"""Seconds that services have to exit."""


def guard(orders: TextIO) -> set[int]:
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
    """Guard until stdin ends."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    if left := guard(sys.stdin):
        end(tree(*left), within=PATIENCE)


if __name__ == "__main__":
    main()
