"""The index: what the store knows about each URL. The manifests are the truth about objects; this is the fast way in.

A URL is known by its digest, since it may hold a secret; the redacted URL is there to be read.

protocol   what an index does
rows       what is known of one URL, and of the last run of a source
merge      which of two answers counts, and what becomes of the other
sql        what both indexes do alike
sqlite     in one file beside the store; `sqlite_schema` its tables and migrations
postgres   in PostgreSQL, for the workers of several machines; `postgres_connection` transactions and errors

`store.factory` opens one or the other, built from the manifests where it is missing or damaged.
"""

from typing import Any

from airnub_core.moved import MOVED
from airnub_core.store.index.protocol import Index
from airnub_core.store.index.rows import Failure, IndexRow, LastRun, Missed, Run, Scope, Standing, Version
from airnub_core.store.index.sqlite import SqliteIndex

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
