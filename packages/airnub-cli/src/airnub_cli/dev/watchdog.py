"""The guard: `python -m airnub_cli.dev.watchdog`. When `airnub dev` is killed (-9), it ends the parts that are left.

It is told of them on stdin, `+PID` and `-PID`, a line each; stdin ends when `airnub dev` does, whatever ended it. The
server needs no guard: it looks after its owner by itself.
"""

import signal
import sys
from typing import TextIO

from airnub_cli.dev.process_tree import end, tree

PATIENCE = 10.0
"""Seconds that parts have for their end."""


def guard(told: TextIO) -> set[int]:
    """Follow what is told until it ends; return who is left."""
    left: set[int] = set()
    for line in told:
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
