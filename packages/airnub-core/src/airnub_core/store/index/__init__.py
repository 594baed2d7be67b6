"""The index: what the store knows about each URL. The manifests are the truth about objects; this is the fast way in.

A URL is known by its digest, since it may hold a secret; the redacted URL is there to be read.

known      one row, and one version of it
last_run   the last run of a source or a dataset, and what failed in it
protocol   what every index does
sqlite     in one file beside the store; `sqlite_schema` its tables and migrations, `sqlite_record` what is written
postgres   in PostgreSQL, for the workers of several machines; `postgres_schema`, `postgres_record` the same,
           `postgres_connection` transactions and errors
opening    one or the other, built from the manifests where it is missing or damaged
"""

from typing import Any

from airnub_core.moved import renamed
from airnub_core.store.index.factory import open_index
from airnub_core.store.index.last_run import Failure, LastRun, Scope
from airnub_core.store.index.protocol import Index
from airnub_core.store.index.rows import IndexRow, Missed, Run, Standing, Version
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
    "open_index",
]


def __getattr__(name: str) -> Any:
    return renamed(__name__, name)
