"""Places: where a checkout is, where data lies. Relative paths of settings are below the data root."""

import os
from pathlib import Path

from airnub_prefect.errors import ConfigurationError

DATA_ROOT = "AIRNUB_DATA_ROOT"


def checkout() -> Path | None:
    """The root of the repository that this package runs from, `None` where it was installed without one."""
    for folder in Path(__file__).resolve().parents:
        if (folder / "uv.lock").is_file() and (folder / "departments").is_dir():
            return folder
    return None


def data_root() -> Path:
    """`AIRNUB_DATA_ROOT`, else the root of the checkout.

    Raises:
        ConfigurationError: there is neither.
    """
    if named := os.environ.get(DATA_ROOT):
        return Path(named).expanduser().absolute()
    root = checkout()
    if root is None:
        raise ConfigurationError.of(
            DATA_ROOT, "expected a folder for data outside of a checkout, found nothing; set it"
        )
    return root


def data_path(path: str) -> Path:
    """A path of settings: absolute, or below the data root.

    Raises:
        ConfigurationError: it is relative and there is no data root.
    """
    return Path(path) if Path(path).is_absolute() else data_root() / path


def shown(path: Path) -> str:
    """A path as a person types it: relative to the current folder where it lies below it."""
    current = Path.cwd()
    return str(path.relative_to(current)) if path.is_relative_to(current) else str(path)
