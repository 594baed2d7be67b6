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
"""Bytes: below the first nothing works for long; Compose's images and a build of them need the second."""


def check_checkout(root: Path) -> Iterator[DoctorFinding]:
    """Everything about the checkout, in the order in which it is mended."""
    yield check_lock(ask(["uv", "lock", "--check", "--offline"], root))
    # Groups such as `lint` may be installed besides.
    sync = ["uv", "sync", "--check", "--frozen", "--offline", "--inexact"]
    every = ask([*sync, "--all-packages"], root)
    environment = check_environment(every, every if every is None or every.status == 0 else ask(sync, root))
    yield environment
    dotenv = check_dotenv(root / ".env")
    yield dotenv
    if dotenv.level != "missing":  # which says why nothing can be compiled
        compiled = ask([sys.executable, "-m", "airnub_cli", "compile", "--check"], root)
        yield check_compiled(compiled, has_all=environment.level == "fine")
    yield check_disk(root, shutil.disk_usage(root).free)
    yield check_data(root)


def check_lock(said: Said | None) -> DoctorFinding:
    """Whether `uv.lock` fits the pyproject files."""
    if said is None:
        return missing("uv.lock", "cannot be checked without uv", "pip install uv")
    if said.status == 0:
        return fine("uv.lock", "fits the pyproject files")
    if "needs to be updated" in said.text:
        return missing("uv.lock", "does not fit the pyproject files", "uv lock")
    # Without the network and with an empty cache uv cannot tell.
    return odd("uv.lock", f"could not be checked offline: {last_line(said.text)}", "uv lock --check")


def check_environment(said: Said | None, of_root: Said | None) -> DoctorFinding:
    """Whether `.venv` holds what the lock says.

    Args:
        said: of every member.
        of_root: of what the root depends on, which is what `uv run` installs.
    """
    if said is None:
        return missing("environment", "cannot be checked without uv", "pip install uv")
    if said.status == 0:
        return fine("environment", "holds what the lock says")
    if of_root is not None and of_root.status == 0:
        found = "holds what the root depends on, not every department; `uv run --all-packages …` installs those too"
        return odd("environment", found, "uv sync --all-packages")
    # `uv run` brings it up to date by itself; what is imported without it is another matter.
    return odd("environment", f"is not what the lock says: {last_line(said.text)}", "uv sync --all-packages")


def check_compiled(said: Said | None, *, has_all: bool) -> DoctorFinding:
    """Whether the root's `prefect.yaml` is what the departments say.

    Args:
        said: by `airnub compile --check`.
        has_all: whether the environment holds every department, and what each depends on.
    """
    if said is not None and said.status == 0:
        return fine("prefect.yaml", "is what the departments' files say")
    if said is not None and said.status == 1 and "is stale" in said.text:
        return odd("prefect.yaml", "is not what the departments' files say", "uv run airnub compile")
    if said is None or said.status != _MISTAKES:  # such as one that took too long
        found = last_line(said.text) if said else "it could not be started"
        return odd("prefect.yaml", f"could not be checked: {found}", "uv run airnub compile --check")
    if not has_all:
        found = "cannot be compiled here, where not every department is installed"
        return odd("prefect.yaml", found, "uv run --all-packages airnub compile --check")
    found = f"departments cannot be compiled: {last_line(said.text)}"
    return missing("prefect.yaml", found, "uv run airnub compile --check")


def check_dotenv(path: Path) -> DoctorFinding:
    """Whether `.env` can be read, and by its owner alone."""
    if not path.exists():
        return fine(".env", "there is none; none is needed")
    if wrong := list(wrong_lines(path)):
        found = "; ".join(str(one).removesuffix("; see .env.example") for one in wrong)
        return missing(".env", found, "compare it with .env.example; other commands refuse to run with it")
    mode = path.stat().st_mode
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        return odd(".env", "may hold secrets, and others can read it", "chmod 600 .env")
    return fine(".env", "can be read, by its owner alone")


def check_disk(root: Path, free: int) -> DoctorFinding:
    """Whether there is room."""
    found = f"{free / 1e9:.1f} GB free on the disk of {root}"
    if free < LEAST:
        return missing("disk", found, "docker system prune; uv cache prune")
    if free < ENOUGH:
        return odd(
            "disk", f"{found}; Compose's images need {ENOUGH / 1e9:.0f} GB", "docker system prune; uv cache prune"
        )
    return fine("disk", found)


def check_data(root: Path) -> DoctorFinding:
    """Whether runs can write where data goes."""
    folder = Path(os.environ.get("AIRNUB_DATA_ROOT") or root).expanduser() / "data"
    nearest = next(one for one in (folder, *folder.parents) if one.exists())
    if os.access(nearest, os.W_OK):
        return fine("data", f"{folder} can be written")
    return missing("data", f"{nearest} cannot be written", f'sudo chown -R "$USER" {nearest}')
