"""Checkout: the repository around a file, and the root folder of relative paths in settings.

Shared by `airnub_prefect` and `airnub_data`, so that both resolve paths alike.
"""

import os
from pathlib import Path

DATA_ROOT = "AIRNUB_DATA_ROOT"
"""Environment variable with the path of the folder for data."""


def checkout_around(file: Path) -> Path | None:
    """Return the nearest folder above a file that contains `uv.lock` and `departments/`, or `None`."""
    for folder in file.resolve().parents:
        if (folder / "uv.lock").is_file() and (folder / "departments").is_dir():
            return folder
    return None


def named_data_root() -> Path | None:
    """Return the absolute path of `AIRNUB_DATA_ROOT`, or `None` if the variable is not set."""
    named = os.environ.get(DATA_ROOT)
    return Path(named).expanduser().absolute() if named else None
