"""Checks of the required tools uv and Python, and of Docker, which is optional."""

import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from airnub_cli import subprocesses
from airnub_cli.dev.postgresql import INSTALL_EXTRA, Programs, find_programs
from airnub_cli.subprocesses import ProgramError

Level = Literal["fine", "odd", "missing"]


@dataclass(frozen=True, slots=True)
class DoctorFinding:
    """The result of one check.

    `odd` is a possibly intentional state, or a tool that only some commands need; `missing` prevents a first run.
    """

    name: str
    level: Level
    found: str
    fix: str | None = None
    """The command, or the change, that fixes it."""

    def as_json(self) -> dict[str, Any]:
        """The finding as JSON types."""
        return asdict(self)


def fine(name: str, found: str) -> DoctorFinding:
    """A finding without a problem."""
    return DoctorFinding(name, "fine", found)


def odd(name: str, found: str, fix: str) -> DoctorFinding:
    """A finding that may be intentional."""
    return DoctorFinding(name, "odd", found, fix)


def missing(name: str, found: str, fix: str) -> DoctorFinding:
    """A finding that prevents a first run."""
    return DoctorFinding(name, "missing", found, fix)


UV = (0, 7)
"""Older versions cannot read this lock."""
PYTHON = (3, 11)
COMPOSE = (2, 24)
"""The first version with an optional `env_file`."""
_PATIENCE = 60.0
_NUMBER = re.compile(r"(\d+)\.(\d+)(?:\.\d+)?")
_WITHOUT = "only `airnub images` and Compose need it; `uv run airnub dev` does not"


@dataclass(frozen=True, slots=True)
class Said:
    """The answer of a tool."""

    status: int
    text: str


def ask(command: Sequence[str], folder: Path | None = None) -> Said | None:
    """Run a tool; `None` if it is not installed."""
    try:
        done = subprocesses.run(command, folder, timeout=_PATIENCE)
    except ProgramError:
        return None
    except (OSError, subprocess.TimeoutExpired) as error:
        return Said(1, str(error))
    # Errors are often on stderr, while stdout is empty or incomplete.
    return Said(done.status, done.text.strip() if done.status == 0 else done.error or done.text.strip())


def check_tools() -> Iterator[DoctorFinding]:
    """Check all tools."""
    yield check_uv(ask(["uv", "--version"]))
    yield check_python(sys.version_info[:2])
    yield check_postgresql(next(find_programs(), None))
    engine = ask(["docker", "version", "--format", "{{.Server.Version}}"])
    yield check_engine(engine)
    if engine is not None:
        yield check_plugin("Docker buildx", ask(["docker", "buildx", "version"]), (0, 0))
        yield check_plugin("Docker Compose", ask(["docker", "compose", "version", "--short"]), COMPOSE)


def check_uv(said: Said | None) -> DoctorFinding:
    """Check that uv is installed and can read the lock."""
    if said is None or said.status != 0:
        return missing("uv", "not found on the PATH", "pip install uv")
    found = numbers(said.text)
    if found < UV:
        return missing("uv", f"expected {dotted(UV)} or newer, found {said.text}", "pip install --upgrade uv")
    return fine("uv", said.text)


def check_python(found: tuple[int, ...]) -> DoctorFinding:
    """Check that this Python is new enough."""
    if found < PYTHON:
        return missing("Python", f"expected {dotted(PYTHON)} or newer, found {dotted(found)}", "uv python install 3.13")
    return fine("Python", dotted(found))


def check_postgresql(found: Programs | None) -> DoctorFinding:
    """Check whether `airnub dev` can use PostgreSQL instead of SQLite."""
    if found is None:
        return odd(
            "PostgreSQL", "none; `airnub dev` uses SQLite, which locks under many concurrent runs", INSTALL_EXTRA
        )
    return fine("PostgreSQL", f"{found.version} of {found.source}; `airnub dev` uses it")


def check_engine(said: Said | None) -> DoctorFinding:
    """Check that there is a Docker engine to which this user has access."""
    if said is None:
        return odd("Docker engine", f"docker is not installed; {_WITHOUT}", "https://docs.docker.com/engine/install/")
    if said.status != 0 and "permission denied" in said.text.lower():
        fix = 'sudo usermod -aG docker "$USER" && newgrp docker'
        return odd("Docker engine", f"it denies this user access; {_WITHOUT}", fix)
    if said.status != 0:
        found = f"it does not answer; {_WITHOUT}: {last_line(said.text)}"
        return odd("Docker engine", found, "sudo systemctl start docker")
    return fine("Docker engine", said.text)


def check_plugin(name: str, said: Said | None, least: tuple[int, ...]) -> DoctorFinding:
    """Check that a plugin of Docker is installed, and new enough."""
    package = f"docker-{name.split()[-1].lower()}-plugin"
    if said is None or said.status != 0:
        return odd(name, f"not installed; {_WITHOUT}", f"sudo apt-get install {package}")
    if numbers(said.text) < least:
        return odd(name, f"expected {dotted(least)} or newer, found {said.text}", f"sudo apt-get install {package}")
    return fine(name, said.text)


def numbers(text: str) -> tuple[int, ...]:
    """The major and minor number of the first version in a text."""
    match = _NUMBER.search(text)
    return (int(match[1]), int(match[2])) if match else (0, 0)


def dotted(version: tuple[int, ...]) -> str:
    """Format a version with dots."""
    return ".".join(map(str, version))


def last_line(text: str) -> str:
    """The last line of an output, which usually has the error."""
    return text.splitlines()[-1].strip() if text else "no output"
