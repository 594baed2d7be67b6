"""The tables of the index in PostgreSQL: made, and those of earlier versions brought to this one."""

from typing import LiteralString

from airnub_core.errors import StoreError
from airnub_core.store.index.postgres_connection import Connected

VERSION = 3
"""Of the tables."""
_BEFORE_WITHDRAWALS = 2
"""The version that is brought to this one."""
_SCHEMA: tuple[LiteralString, ...] = (
    """CREATE TABLE {known} (
        source text COLLATE "C" NOT NULL,
        url_digest bytea NOT NULL,
        url text COLLATE "C" NOT NULL,
        digest text NOT NULL,
        path text NOT NULL,
        size bigint NOT NULL,
        manifest text NOT NULL,
        etag text,
        last_modified text,
        checked_at text NOT NULL,
        changed_at text NOT NULL,
        PRIMARY KEY (url_digest, source)
    )""",
    "CREATE INDEX ON {known} (source)",
    """CREATE TABLE {history} (
        place bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        source text COLLATE "C" NOT NULL,
        url_digest bytea NOT NULL,
        seen_at text NOT NULL,
        digest text NOT NULL,
        manifest text NOT NULL
    )""",
    "CREATE INDEX ON {history} (url_digest)",
    """CREATE FUNCTION {remember}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        INSERT INTO {history} (source, url_digest, seen_at, digest, manifest)
        VALUES (OLD.source, OLD.url_digest, OLD.changed_at, OLD.digest, OLD.manifest);
        RETURN NULL;
    END $$""",
    """CREATE TABLE {watermark} (
        source text PRIMARY KEY,
        value text NOT NULL,
        moved_at timestamptz NOT NULL
    )""",
    """CREATE TABLE {claim} (
        url_digest bytea PRIMARY KEY,
        owner text NOT NULL,
        until timestamptz NOT NULL
    )""",
    "CREATE TABLE {state} (version integer NOT NULL, built boolean NOT NULL)",
)
# What version 2 did not have; see SQLite's.
_WITHDRAWALS: tuple[LiteralString, ...] = (
    "ALTER TABLE {known} ADD COLUMN withdrawn_at text, ADD COLUMN unwritten text",
    "CREATE INDEX ON {known} (source) WHERE withdrawn_at IS NOT NULL",
    "CREATE INDEX ON {known} (source) WHERE unwritten IS NOT NULL",
    "DROP TRIGGER IF EXISTS changed ON {known}",
    """CREATE TRIGGER changed AFTER UPDATE OF digest ON {known} FOR EACH ROW
        WHEN (OLD.digest <> NEW.digest AND OLD.withdrawn_at IS NULL) EXECUTE FUNCTION {remember}()""",
    """CREATE TABLE {missing} (
        source text NOT NULL,
        url_digest bytea NOT NULL,
        run text NOT NULL,
        began_at text NOT NULL,
        noted_at text NOT NULL,
        PRIMARY KEY (url_digest, source)
    )""",
)
# Added without a new version; see SQLite's.
_LAST_RUN: LiteralString = """CREATE TABLE {last_run} (
    scope text NOT NULL,
    name text NOT NULL,
    run text NOT NULL,
    began_at text NOT NULL,
    ended_at text,
    failed bigint NOT NULL,
    failures text NOT NULL,
    PRIMARY KEY (scope, name)
)"""


def make_tables(tables: Connected, name: str) -> None:
    """Create the schema and the tables, or bring those of an earlier version to this one.

    Args:
        tables: those of the index.
        name: of the database, for messages.

    Raises:
        StoreError: the index is of a version that cannot be read.
    """
    tables.wait_for_turn("making")
    [(present,)] = tables.ask("SELECT to_regclass(%s)", f'"{tables.schema}".state')
    if present is None:
        [(schema,)] = tables.ask("SELECT to_regnamespace(%s)", f'"{tables.schema}"')
        if schema is None:
            tables.create_schema()
        for statement in (*_SCHEMA, *_WITHDRAWALS, _LAST_RUN):
            tables.ask(statement)
        tables.ask("INSERT INTO {state} VALUES (%s, false)", VERSION)
        return
    [(version,)] = tables.ask("SELECT version FROM {state}")
    if version == _BEFORE_WITHDRAWALS:
        for statement in _WITHDRAWALS:
            tables.ask(statement)
        tables.ask("UPDATE {state} SET version = %s", VERSION)
    elif version != VERSION:
        raise StoreError(
            name,
            f"expected an index of version {VERSION} in schema {tables.schema}, found {version}; "
            "use the release that wrote it, or name another schema",
        )
    # Asked before: `IF NOT EXISTS` needs the right to create also where the table is there.
    [(last_run,)] = tables.ask("SELECT to_regclass(%s)", f'"{tables.schema}".last_run')
    if last_run is None:
        tables.ask(_LAST_RUN)
