"""Modules and names of the previous version of airnub_core; `airnub_common.moved` defines what their import returns.

This module will be removed in the next version.
"""

import importlib
from collections.abc import Mapping
from typing import Any

from airnub_common.moved import MovedNames

MODULES: Mapping[str, str] = {
    "airnub_core.arrival": "airnub_core.items",
    "airnub_core.batches": "airnub_core.commit",
    "airnub_core.checkout": "airnub_common.checkout",
    "airnub_core.claims": "airnub_core.store.index.leases",
    "airnub_core.contract": "airnub_core.contracts.contract",
    "airnub_core.contracts.schema": "airnub_core.contracts.contract",
    "airnub_core.dataset_limits": "airnub_core.contracts.limits",
    "airnub_core.dealing": "airnub_core.dispatcher",
    "airnub_core.field_types": "airnub_core.contracts.field_types",
    "airnub_core.network": "airnub_core.http",
    "airnub_core.network.settings": "airnub_core.http.settings",
    "airnub_core.published": "airnub_core.contracts.contract",
    "airnub_core.published_checks": "airnub_core.contracts.checks",
    "airnub_core.results": "airnub_core.outcome",
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
    "airnub_core.store.index.last_run": "airnub_core.store.index.tables",
    "airnub_core.store.index.known": "airnub_core.store.index.tables",
    "airnub_core.store.index.rows": "airnub_core.store.index.tables",
    "airnub_core.store.index.protocol": "airnub_core.store.index.base",
    "airnub_core.store.index.sql": "airnub_core.store.index.base",
    "airnub_core.store.index.opening": "airnub_core.store.factory",
    "airnub_core.store.left": "airnub_core.store.durability",
    "airnub_core.store.made": "airnub_core.store.layout",
    "airnub_core.store.mounts": "airnub_core.store.durability",
    "airnub_core.store.opening": "airnub_core.store.factory",
    "airnub_core.store.provenance": "airnub_core.store.manifest",
    "airnub_core.store.protocol": "airnub_core.store.base",
    "airnub_core.store.reader": "airnub_core.store.base",
    "airnub_core.store.redo": "airnub_core.store.recovery",
    "airnub_core.store.redo_log": "airnub_core.store.write_ahead_log",
    "airnub_core.store.source_name": "airnub_core.store.layout",
    "airnub_core.store.staged": "airnub_core.store.layout",
    "airnub_core.store.staging": "airnub_core.store.staging_folder",
    "airnub_core.store.verification": "airnub_core.store.fsck",
    "airnub_core.sources.sitemap": "airnub_core.sources.pages",
    "airnub_core.sources.watermarks": "airnub_core.sources.records",
    "airnub_core.tolerance": "airnub_core.contracts.limits",
    "airnub_core.withdrawing": "airnub_core.commit",
    "airnub_core.output_files": "airnub_core.outcome",
}
"""The present module of each moved one."""
NAMES: Mapping[tuple[str, str], str] = {
    ("airnub_core", "Kind"): "Status",
    ("airnub_core", "Place"): "StoreLocation",
    ("airnub_core.commit", "Batches"): "CommitQueue",
    ("airnub_core.commit", "settle"): "commit_batch",
    ("airnub_core.contracts.contract", "Published"): "ContractSchema",
    ("airnub_core.dispatcher", "Dealer"): "Dispatcher",
    ("airnub_core.outcome", "Kind"): "Status",
    ("airnub_core.sources.pagination", "Walk"): "Paginator",
    ("airnub_core.store.base", "StoreReader"): "Store",
    ("airnub_core.store.durability", "leave"): "defer_sync",
    ("airnub_core.store.factory", "Opened"): "OpenStore",
    ("airnub_core.store.factory", "Place"): "StoreLocation",
    ("airnub_core.store.gc", "Collection"): "GarbageCollection",
    ("airnub_core.store.gc", "Leftover"): "Orphan",
    ("airnub_core.store.index", "Known"): "IndexRow",
    ("airnub_core.store.index.base", "SqlIndex"): "Index",
    ("airnub_core.store.index.leases", "Claims"): "Leases",
    ("airnub_core.store.index.tables", "Known"): "IndexRow",
    ("airnub_core.store.index.tables", "Note"): "MissNote",
    ("airnub_core.store.recovery", "read_redo_lists"): "read_intent_logs",
    ("airnub_core.store.recovery", "write_redo_list"): "write_intent_log",
    ("airnub_core.store.layout", "PATTERN"): "SOURCE_PATTERN",
    ("airnub_core.store.layout", "found"): "shown_name",
    ("airnub_core.store.layout", "made_url"): "derived_url",
    ("airnub_core.store.staging_folder", "Staging"): "StagingFolder",
    ("airnub_core.store.write_ahead_log", "Logged"): "LogEntry",
    ("airnub_core.store.write_ahead_log", "RedoLog"): "WriteAheadLog",
}
"""By present module and former name: the present name."""
HOMES: Mapping[tuple[str, str], str] = {
    ("airnub_core.errors", "LONGEST_RETRY_AFTER"): "airnub_core.http.retry",
    ("airnub_core.errors", "is_retryable"): "airnub_core.http.retry",
    ("airnub_core.sources.apis", "MAX_BORDER"): "airnub_core.sources.records",
    ("airnub_core.store.index.sql", "Key"): "airnub_core.store.index.tables",
    ("airnub_core.store.index.sql", "State"): "airnub_core.store.index.tables",
    ("airnub_core.store.index.sql", "UrlOfSource"): "airnub_core.store.index.tables",
    ("airnub_core.store.reader", "in_order"): "airnub_core.concurrency",
}
"""By former module and name: the present module of a name that moved alone."""
TO_DATA = ("airnub_core.datasets", "airnub_core.tables")
"""Modules whose names are in `airnub_data` now; this package does not depend on it."""
_DATA = "airnub_data"
_DATA_MODULES = {"Schema": f"{_DATA}.columns", "type_name": f"{_DATA}.columns"}


def _in_data(module: str, name: str) -> tuple[str, Any]:
    home = _DATA_MODULES.get(name, _DATA)
    try:
        return home, getattr(importlib.import_module(home), name)
    except ImportError as error:
        message = f"{module}.{name} has moved to {_DATA}: install airnub-prefect[datasets] ({error})"
        raise ImportError(message, name=error.name) from error
    except AttributeError as error:
        message = f"{module}.{name} has no successor; docs/datasets.md describes how to declare a dataset"
        raise AttributeError(message, name=name) from error


MOVED = MovedNames(MODULES, NAMES, dict.fromkeys(TO_DATA, _in_data), HOMES)
