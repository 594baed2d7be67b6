"""Checkout: the repository around a file, and the folder that relative paths of settings are below.

`airnub_prefect` and `airnub_data` resolve paths by it alike.
"""

import os
from pathlib import Path

DATA_ROOT = "AIRNUB_DATA_ROOT"
"""The environment variable that names the folder for data."""


def checkout_around(file: Path) -> Path | None:
    """The nearest folder above a file with `uv.lock` and `departments/`, `None` where there is none."""
    for folder in file.resolve().parents:
        if (folder / "uv.lock").is_file() and (folder / "departments").is_dir():
            return folder
    return None


def named_data_root() -> Path | None:
    """The folder that `AIRNUB_DATA_ROOT` names, absolute; `None` where it is not set."""
    named = os.environ.get(DATA_ROOT)
    return Path(named).expanduser().absolute() if named else None
