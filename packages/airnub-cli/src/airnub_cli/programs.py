"""Programs: those that a command starts, such as Docker; what they print, and one way to report how they failed."""

import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

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
