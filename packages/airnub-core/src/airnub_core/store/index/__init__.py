"""The index: the current state and the history of each URL. Manifests are authoritative for objects; the index is fast.

The key of a URL is its digest, since the URL may contain a secret; the redacted URL is stored for display only.

base       `Index`: the methods of an index, in SQL that both databases understand
merge      merge rule: which of two responses for a URL is current, and what happens to the other
tables     rows: the state of a URL, the last run of a source; tables in one transaction, implemented for each database
leases     `Leases`: URLs that a worker has leased from those that share the index
sqlite     an index in one file beside the store; `sqlite_schema` has its tables and migrations
postgres   an index in PostgreSQL, for workers on several machines; `postgres_connection` has transactions and errors

`store.factory` opens either; it rebuilds a missing or damaged index from the manifests.
"""

from typing import Any

from airnub_core.moved import MOVED
from airnub_core.store.index.base import Index
from airnub_core.store.index.sqlite import SqliteIndex
from airnub_core.store.index.tables import Failure, IndexRow, LastRun, Missed, Run, Scope, Standing, Version

__all__ = [
    "Failure",
    "Index",
    "IndexRow",
    "LastRun",
    "Missed",
    "Run",
    "Scope",
    "SqliteIndex",
    "Standing",
    "Version",
]


def __getattr__(name: str) -> Any:
    return MOVED.renamed(__name__, name)
