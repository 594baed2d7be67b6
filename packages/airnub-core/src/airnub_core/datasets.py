"""Moved: datasets are in `airnub_data`. This module finds their names there, for one version."""

import importlib
import warnings
from typing import Any


def __getattr__(name: str) -> Any:
    try:
        found = getattr(importlib.import_module("airnub_data"), name)
    except ImportError as error:
        message = f"airnub_core.datasets.{name} has moved to airnub_data: install airnub-prefect[datasets] ({error})"
        raise ImportError(message, name=error.name) from error
    except AttributeError as error:
        message = f"airnub_core.datasets.{name} has no successor; see how docs/departments.md declares a dataset"
        raise AttributeError(message, name=name) from error
    warnings.warn(
        f"airnub_core.datasets.{name} has moved: import it from airnub_data", DeprecationWarning, stacklevel=2
    )
    return found
