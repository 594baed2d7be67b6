"""Check whether the departments of this checkout are installed here, and the command that installs them.

`uv run airnub …` installs what the root depends on, the example; `uv run --all-packages airnub …` every department.
"""

import importlib
import shlex
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, distribution, distributions
from importlib.util import find_spec
from pathlib import Path

from packaging.utils import canonicalize_name

from airnub_cli.workspace import Workspace
from airnub_prefect.errors import ConfigurationError, Diagnostic

INSTALL_ALL = "`uv sync --all-packages`"
"""In the message of every mistake that something cannot be imported."""


@contextmanager
def importable(folders: Iterable[Path]) -> Iterator[None]:
    """The sources in these folders can be imported, whether they are installed or not.

    What they depend on must be installed all the same; a department that was copied a minute ago can be checked.
    """
    before = list(sys.path)
    here = {str(Path(one).resolve()) for one in before}
    sys.path += [str(folder) for folder in folders if folder.is_dir() and str(folder.resolve()) not in here]
    importlib.invalidate_caches()
    try:
        yield
    finally:
        sys.path[:] = before


def not_installed(workspace: Workspace) -> list[str]:
    """Distributions of the departments that are not installed here, and whose dependencies may not be either."""
    # All at once: a look for a single name searches every folder that Python imports from.
    installed = {canonicalize_name(one.name) for one in distributions()}
    return [
        one.name
        for one in workspace.members.values()
        if one.kind == "department" and canonicalize_name(one.name) not in installed
    ]


def advice(workspace: Workspace, mistakes: Iterable[Diagnostic]) -> str | None:
    """The command to type where mistakes come of departments that are not installed; `None` where none does."""
    if not any(INSTALL_ALL in one.message for one in mistakes):
        return None
    names = not_installed(workspace)
    if not names:
        return None
    command = f"uv run --all-packages airnub {shlex.join(sys.argv[1:])}".rstrip()
    return f"not installed here: {', '.join(names)}; with every department and what it needs: `{command}`"


def require_importable(departments: Iterable[str]) -> None:
    """Departments that run here can be imported here.

    Args:
        departments: names of their packages.

    Raises:
        ConfigurationError: some cannot; it has the command to type.
    """
    if missing := [name for name in departments if find_spec(name) is None]:
        command = f"uv run --all-packages airnub {shlex.join(sys.argv[1:])}".rstrip()
        raise ConfigurationError.of(
            ", ".join(missing), f"expected the department to be installed, found that it is not; `{command}`"
        )


def is_installed(name: str) -> bool:
    """Whether a distribution is."""
    try:
        distribution(name)
    except PackageNotFoundError:
        return False
    return True
