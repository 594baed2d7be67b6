"""Checks of the checkout: lock, environment and compiled deployments are current, `.env` is valid, disk has room."""

import os
import shutil
import stat
import sys
from collections.abc import Iterator
from pathlib import Path

from airnub_cli.doctor.tools import DoctorFinding, Said, ask, fine, last_line, missing, odd
from airnub_prefect.dotenv_file import wrong_lines

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
