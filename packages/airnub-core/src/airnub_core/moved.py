"""Moved: modules and names of the version before, found for one version where they are now, with a warning.

`install` is called by `airnub_core`: an import of a module of `MODULES` gives one whose names are looked up in its
successor. `airnub template update` rewrites a department's imports by the same tables. This module goes with the next
version.
"""

import importlib
import sys
import warnings
from collections.abc import Mapping, Sequence
from functools import partial
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

MODULES: Mapping[str, str] = {
    "airnub_core.arrival": "airnub_core.items",
    "airnub_core.batches": "airnub_core.commit",
    "airnub_core.checkout": "airnub_common.checkout",
    "airnub_core.claims": "airnub_core.dispatcher",
    "airnub_core.contract": "airnub_core.contracts.contract",
    "airnub_core.contracts.schema": "airnub_core.contracts.contract",
    "airnub_core.dataset_limits": "airnub_core.contracts.limits",
    "airnub_core.dealing": "airnub_core.dispatcher",
    "airnub_core.field_types": "airnub_core.contracts.field_types",
    "airnub_core.network": "airnub_core.http",
    "airnub_core.network.settings": "airnub_core.http.settings",
    "airnub_core.published": "airnub_core.contracts.contract",
    "airnub_core.published_checks": "airnub_core.contracts.checks",
    "airnub_core.results": "airnub_core.output_files",
    "airnub_core.settling": "airnub_core.commit",
    "airnub_core.sources.paging": "airnub_core.sources.pagination",
    "airnub_core.store.bucket_address": "airnub_core.store.location",
    "airnub_core.store.bucket_reader": "airnub_core.store.bucket_store",
    "airnub_core.sources.links": "airnub_core.sources.html",
    "airnub_core.sources.settings": "airnub_core",
    "airnub_core.sources.unlisted": "airnub_core.sources.base",
    "airnub_core.store.collection": "airnub_core.store.gc",
    "airnub_core.store.content_reader": "airnub_core.store.objects",
    "airnub_core.store.content_store": "airnub_core.store.objects",
    "airnub_core.store.folders": "airnub_core.store.fsck",
    "airnub_core.store.index.last_run": "airnub_core.store.index.rows",
    "airnub_core.store.index.known": "airnub_core.store.index.rows",
    "airnub_core.store.index.opening": "airnub_core.store.factory",
    "airnub_core.store.left": "airnub_core.store.durability",
    "airnub_core.store.made": "airnub_core.store.layout",
    "airnub_core.store.mounts": "airnub_core.store.durability",
    "airnub_core.store.opening": "airnub_core.store.factory",
    "airnub_core.store.provenance": "airnub_core.store.manifest",
    "airnub_core.store.redo": "airnub_core.store.recovery",
    "airnub_core.store.redo_log": "airnub_core.store.write_ahead_log",
    "airnub_core.store.source_name": "airnub_core.store.layout",
    "airnub_core.store.staged": "airnub_core.store.layout",
    "airnub_core.store.verification": "airnub_core.store.fsck",
}
"""The successor of each module that moved."""
NAMES: Mapping[tuple[str, str], str] = {
    ("airnub_core", "Kind"): "Status",
    ("airnub_core", "Place"): "StoreLocation",
    ("airnub_core.commit", "Batches"): "CommitQueue",
    ("airnub_core.commit", "settle"): "commit_batch",
    ("airnub_core.contracts.contract", "Published"): "ContractSchema",
    ("airnub_core.dispatcher", "Claims"): "Leases",
    ("airnub_core.dispatcher", "Dealer"): "Dispatcher",
    ("airnub_core.outcome", "Kind"): "Status",
    ("airnub_core.sources.pagination", "Walk"): "Paginator",
    ("airnub_core.store.durability", "leave"): "defer_sync",
    ("airnub_core.store.factory", "Opened"): "OpenStore",
    ("airnub_core.store.factory", "Place"): "StoreLocation",
    ("airnub_core.store.gc", "Collection"): "GarbageCollection",
    ("airnub_core.store.gc", "Leftover"): "Orphan",
    ("airnub_core.store.index", "Known"): "IndexRow",
    ("airnub_core.store.index.rows", "Known"): "IndexRow",
    ("airnub_core.store.index.rows", "Note"): "MissNote",
    ("airnub_core.store.recovery", "read_redo_lists"): "read_intent_logs",
    ("airnub_core.store.recovery", "write_redo_list"): "write_intent_log",
    ("airnub_core.store.layout", "PATTERN"): "SOURCE_PATTERN",
    ("airnub_core.store.layout", "found"): "shown_name",
    ("airnub_core.store.layout", "made_url"): "derived_url",
    ("airnub_core.store.write_ahead_log", "Logged"): "LogEntry",
    ("airnub_core.store.write_ahead_log", "RedoLog"): "WriteAheadLog",
}
"""By module, as it is called now, and name before: its name now."""
TO_DATA = ("airnub_core.datasets", "airnub_core.tables")
"""Modules whose names are in `airnub_data` now, which this package does not depend on."""
_DATA = "airnub_data"
_DATA_MODULES = {"Schema": f"{_DATA}.columns", "type_name": f"{_DATA}.columns"}


def install() -> None:
    """Let imports of modules that moved succeed; asked last, after all that is found by itself."""
    if not any(isinstance(one, _Finder) for one in sys.meta_path):
        sys.meta_path.append(_Finder())


def renamed(module: str, name: str) -> Any:
    """A name that a module of this package had before, with a warning that says what it is called now.

    Raises:
        AttributeError: it never had such a name.
    """
    new = NAMES.get((module, name))
    if new is None:
        raise AttributeError(f"module {module!r} has no attribute {name!r}", name=name)
    warnings.warn(f"{module}.{name} is called {module}.{new} now", DeprecationWarning, stacklevel=3)
    return getattr(importlib.import_module(module), new)


def find(module: str, name: str) -> Any:
    """A name of a module that moved, with a warning that says where to import it from.

    Raises:
        ImportError: the package that has it is not installed.
        AttributeError: there is no such name.
    """
    if name.startswith("__"):
        # Asked by the machinery of imports, of every module.
        raise AttributeError(f"module {module!r} has no attribute {name!r}", name=name)
    if module in TO_DATA:
        home, found = _in_data(module, name)
        new = name
    else:
        home = MODULES[module]
        new = NAMES.get((home, name), name)
        found = getattr(importlib.import_module(home), new)
    called = "" if new == name else f", where it is called {new}"
    warnings.warn(f"{module}.{name} has moved: import it from {home}{called}", DeprecationWarning, stacklevel=2)
    return found


def _in_data(module: str, name: str) -> tuple[str, Any]:
    home = _DATA_MODULES.get(name, _DATA)
    try:
        return home, getattr(importlib.import_module(home), name)
    except ImportError as error:
        message = f"{module}.{name} has moved to {_DATA}: install airnub-prefect[datasets] ({error})"
        raise ImportError(message, name=error.name) from error
    except AttributeError as error:
        message = f"{module}.{name} has no successor; docs/datasets.md says how a dataset is declared"
        raise AttributeError(message, name=name) from error


class _Finder(MetaPathFinder):
    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        del path, target
        if fullname not in MODULES and fullname not in TO_DATA:
            return None
        return ModuleSpec(fullname, _Loader(), is_package=any(one.startswith(f"{fullname}.") for one in MODULES))


class _Loader(Loader):
    def exec_module(self, module: ModuleType) -> None:
        module.__getattr__ = partial(find, module.__name__)  # type: ignore[method-assign]
