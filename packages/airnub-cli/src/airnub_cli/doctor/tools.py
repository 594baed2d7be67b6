"""Checks of the required tools uv and Python, and of Docker, which is optional."""

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from airnub_cli.dev.postgresql import INSTALL_EXTRA, Programs, find_programs

Level = Literal["fine", "odd", "missing"]


@dataclass(frozen=True, slots=True)
class DoctorFinding:
    """One look at one thing.

    `odd` is what may be meant so, or what only some commands need; `missing` is what a first run cannot do without.
    """

    name: str
    level: Level
    found: str
    mend: str | None = None
    """A command, or what to change."""

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)


def fine(name: str, found: str) -> DoctorFinding:
    """Nothing to do."""
    return DoctorFinding(name, "fine", found)


def odd(name: str, found: str, mend: str) -> DoctorFinding:
    """Something to know of."""
    return DoctorFinding(name, "odd", found, mend)


def missing(name: str, found: str, mend: str) -> DoctorFinding:
    """Something to mend first."""
    return DoctorFinding(name, "missing", found, mend)


UV = (0, 7)
"""Older ones do not read this lock."""
PYTHON = (3, 11)
COMPOSE = (2, 24)
"""`env_file` that need not be there."""
_PATIENCE = 60.0
_NUMBER = re.compile(r"(\d+)\.(\d+)(?:\.\d+)?")
_WITHOUT = "only `airnub images` and Compose need it; `uv run airnub dev` does not"


@dataclass(frozen=True, slots=True)
class Said:
    """What a tool said."""

    status: int
    text: str


def ask(command: Sequence[str], folder: Path | None = None) -> Said | None:
    """Run a tool; `None` where it is not installed."""
    if shutil.which(command[0]) is None:
        return None
    try:
        done = subprocess.run(
            command, cwd=folder, capture_output=True, text=True, timeout=_PATIENCE, check=False,
            stdin=subprocess.DEVNULL,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired) as error:
        return Said(1, str(error))
    # An error is often on stderr while stdout is empty or half an answer.
    return Said(done.returncode, (done.stdout if done.returncode == 0 else done.stderr or done.stdout).strip())


def check_tools() -> Iterator[DoctorFinding]:
    """Each tool in turn."""
    yield check_uv(ask(["uv", "--version"]))
    yield check_python(sys.version_info[:2])
    yield check_postgresql(next(find_programs(), None))
    engine = ask(["docker", "version", "--format", "{{.Server.Version}}"])
    yield check_engine(engine)
    if engine is not None:
        yield check_plugin("Docker buildx", ask(["docker", "buildx", "version"]), (0, 0))
        yield check_plugin("Docker Compose", ask(["docker", "compose", "version", "--short"]), COMPOSE)


def check_uv(said: Said | None) -> DoctorFinding:
    """Whether uv is there and reads our lock."""
    if said is None or said.status != 0:
        return missing("uv", "not found on the PATH", "pip install uv")
    found = numbers(said.text)
    if found < UV:
        return missing("uv", f"expected {dotted(UV)} or newer, found {said.text}", "pip install --upgrade uv")
    return fine("uv", said.text)


def check_python(found: tuple[int, ...]) -> DoctorFinding:
    """Whether this Python is new enough."""
    if found < PYTHON:
        return missing("Python", f"expected {dotted(PYTHON)} or newer, found {dotted(found)}", "uv python install 3.13")
    return fine("Python", dotted(found))


def check_postgresql(found: Programs | None) -> DoctorFinding:
    """Whether `airnub dev` has a better database than SQLite."""
    if found is None:
        return odd("PostgreSQL", "none; `airnub dev` uses SQLite, which many runs at once lock", INSTALL_EXTRA)
    return fine("PostgreSQL", f"{found.version} of {found.source}; `airnub dev` uses it")


def check_engine(said: Said | None) -> DoctorFinding:
    """Whether there is a Docker engine that lets us in."""
    if said is None:
        return odd("Docker engine", f"docker is not installed; {_WITHOUT}", "https://docs.docker.com/engine/install/")
    if said.status != 0 and "permission denied" in said.text.lower():
        mend = 'sudo usermod -aG docker "$USER" && newgrp docker'
        return odd("Docker engine", f"it does not let this user in; {_WITHOUT}", mend)
    if said.status != 0:
        found = f"it does not answer; {_WITHOUT}: {last_line(said.text)}"
        return odd("Docker engine", found, "sudo systemctl start docker")
    return fine("Docker engine", said.text)


def check_plugin(name: str, said: Said | None, least: tuple[int, ...]) -> DoctorFinding:
    """Whether a plugin of Docker is there, and new enough."""
    package = f"docker-{name.split()[-1].lower()}-plugin"
    if said is None or said.status != 0:
        return odd(name, f"not installed; {_WITHOUT}", f"sudo apt-get install {package}")
    if numbers(said.text) < least:
        return odd(name, f"expected {dotted(least)} or newer, found {said.text}", f"sudo apt-get install {package}")
    return fine(name, said.text)


def numbers(text: str) -> tuple[int, ...]:
    """The first version in a text, without what comes after its second number."""
    match = _NUMBER.search(text)
    return (int(match[1]), int(match[2])) if match else (0, 0)


def dotted(version: tuple[int, ...]) -> str:
    """A version as people write it."""
    return ".".join(map(str, version))


def last_line(text: str) -> str:
    """What a tool said last, which is mostly what is wrong."""
    return text.splitlines()[-1].strip() if text else "it said nothing"
