"""Moved: names that were elsewhere, found for one version in the module that has them now."""

import importlib
import warnings
from typing import Any

# No dependency: it stands above this package. Where it is not installed, the error says what to install.
_HOME = "airnub_data"
_OURS = {"airnub_core.network.settings": "airnub_core.http.settings"}
"""Modules of this package, by where they were."""
_MODULES = {"Schema": f"{_HOME}.columns", "type_name": f"{_HOME}.columns"}


def find(module: str, name: str) -> Any:
    """A name of a module that moved, with a warning that says where to import it from.

    Raises:
        ImportError: the package that has it is not installed.
        AttributeError: it has no such name.
    """
    if name.startswith("__"):
        # Asked by the machinery of imports, of every module.
        raise AttributeError(f"module {module!r} has no attribute {name!r}", name=name)
    home = _OURS.get(module) or _MODULES.get(name, _HOME)
    try:
        found = getattr(importlib.import_module(home), name)
    except ImportError as error:
        message = f"{module}.{name} has moved to {_HOME}: install airnub-prefect[datasets] ({error})"
        raise ImportError(message, name=error.name) from error
    except AttributeError as error:
        advice = "" if module in _OURS else "; docs/datasets.md says how a dataset is declared"
        message = f"{module}.{name} has no successor{advice}"
        raise AttributeError(message, name=name) from error
    warnings.warn(f"{module}.{name} has moved: import it from {home}", DeprecationWarning, stacklevel=3)
    return found
