"""Checks of this machine: the required tools uv and Python, optional Docker, and the checkout with `.env` and disk."""

import os
import re
import shutil
import stat
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from airnub_cli import subprocesses
from airnub_cli.dev.postgresql import INSTALL_EXTRA, Programs, find_programs
from airnub_cli.subprocesses import ProgramError
from airnub_prefect.dotenv_file import wrong_lines

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


_MISTAKES = 2
"""Exit status of a command that found mistakes in the configuration."""
LEAST, ENOUGH = 500_000_000, 5_000_000_000
"""Free bytes: below the first, nothing works for long; Compose's images and their build need the second."""


def check_checkout(root: Path) -> Iterator[DoctorFinding]:
    """Check the checkout, in the order in which problems are fixed."""
    yield check_lock(ask(["uv", "lock", "--check", "--offline"], root))
    # Groups such as `lint` may be installed too.
    sync = ["uv", "sync", "--check", "--frozen", "--offline", "--inexact"]
    every = ask([*sync, "--all-packages"], root)
    environment = check_environment(every, every if every is None or every.status == 0 else ask(sync, root))
    yield environment
    dotenv = check_dotenv(root / ".env")
    yield dotenv
    if dotenv.level != "missing":  # otherwise `.env` is the reason why nothing can be compiled
        compiled = ask([sys.executable, "-m", "airnub_cli", "compile", "--check"], root)
        yield check_compiled(compiled, has_all=environment.level == "fine")
    yield check_disk(root, shutil.disk_usage(root).free)
    yield check_data(root)


def check_lock(said: Said | None) -> DoctorFinding:
    """Check that `uv.lock` fits the pyproject files."""
    if said is None:
        return missing("uv.lock", "cannot be checked without uv", "pip install uv")
    if said.status == 0:
        return fine("uv.lock", "fits the pyproject files")
    if "needs to be updated" in said.text:
        return missing("uv.lock", "does not fit the pyproject files", "uv lock")
    # Offline and with an empty cache, uv cannot check it.
    return odd("uv.lock", f"could not be checked offline: {last_line(said.text)}", "uv lock --check")


def check_environment(said: Said | None, of_root: Said | None) -> DoctorFinding:
    """Check that `.venv` has the packages of the lock.

    Args:
        said: the answer of uv for all members.
        of_root: the answer for the dependencies of the root, which `uv run` installs.
    """
    if said is None:
        return missing("environment", "cannot be checked without uv", "pip install uv")
    if said.status == 0:
        return fine("environment", "has the packages of the lock")
    if of_root is not None and of_root.status == 0:
        found = (
            "has the dependencies of the root, and not every department; `uv run --all-packages …` installs those too"
        )
        return odd("environment", found, "uv sync --all-packages")
    # `uv run` syncs it; only Python started in a different way imports old packages.
    return odd("environment", f"differs from the lock: {last_line(said.text)}", "uv sync --all-packages")


def check_compiled(said: Said | None, *, has_all: bool) -> DoctorFinding:
    """Check that the root's `prefect.yaml` is up to date with the departments' files.

    Args:
        said: the answer of `airnub compile --check`.
        has_all: whether every department is installed, with its dependencies.
    """
    if said is not None and said.status == 0:
        return fine("prefect.yaml", "is up to date with the departments' files")
    if said is not None and said.status == 1 and "is stale" in said.text:
        return odd("prefect.yaml", "is out of date with the departments' files", "uv run airnub compile")
    if said is None or said.status != _MISTAKES:  # for example a timeout
        found = last_line(said.text) if said else "it could not be started"
        return odd("prefect.yaml", f"could not be checked: {found}", "uv run airnub compile --check")
    if not has_all:
        found = "cannot be compiled here, since not every department is installed"
        return odd("prefect.yaml", found, "uv run --all-packages airnub compile --check")
    found = f"departments cannot be compiled: {last_line(said.text)}"
    return missing("prefect.yaml", found, "uv run airnub compile --check")


def check_dotenv(path: Path) -> DoctorFinding:
    """Check that `.env` is valid, and that only its owner can read it."""
    if not path.exists():
        return fine(".env", "none, and none is needed")
    if wrong := list(wrong_lines(path)):
        found = "; ".join(str(one).removesuffix("; see .env.example") for one in wrong)
        return missing(".env", found, "compare it with .env.example and correct it; other commands reject it")
    mode = path.stat().st_mode
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        return odd(".env", "may contain secrets, and other users can read it", "chmod 600 .env")
    return fine(".env", "is valid, and only its owner can read it")


def check_disk(root: Path, free: int) -> DoctorFinding:
    """Check the free disk space."""
    found = f"{free / 1e9:.1f} GB free on the disk of {root}"
    if free < LEAST:
        return missing("disk", found, "docker system prune; uv cache prune")
    if free < ENOUGH:
        return odd(
            "disk", f"{found}; Compose's images need {ENOUGH / 1e9:.0f} GB", "docker system prune; uv cache prune"
        )
    return fine("disk", found)


def check_data(root: Path) -> DoctorFinding:
    """Check that runs can write into the folder of the data."""
    folder = Path(os.environ.get("AIRNUB_DATA_ROOT") or root).expanduser() / "data"
    nearest = next(one for one in (folder, *folder.parents) if one.exists())
    if os.access(nearest, os.W_OK):
        return fine("data", f"{folder} is writable")
    return missing("data", f"{nearest} is not writable", f'sudo chown -R "$USER" {nearest}')
