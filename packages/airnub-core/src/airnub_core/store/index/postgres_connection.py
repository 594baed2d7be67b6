"""PostgreSQL connection: parse its URL, run transactions with one reconnect, and translate errors to `StoreError`.

Table names are qualified and no session state is kept, so that a connection pooler such as PgBouncer works.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from threading import Lock
from typing import Any, Generic, LiteralString, TypeVar
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from airnub_common import redact_text
from airnub_core.errors import StoreError

DEFAULT_SCHEMA = "airnub"
_NAMES = ("known", "history", "remember", "watermark", "claim", "state", "missing", "last_run")
_ROWS = {
    "url_digest": sql.SQL("encode(url_digest, 'hex')"),
    "key": sql.SQL("url_digest = %s AND source = %s"),
    "key_columns": sql.SQL("url_digest, source"),
    "key_values": sql.SQL("%s, %s"),
    "missed_source": sql.SQL("source"),
}
"""SQL for the placeholders of `tables`."""
_ENCODING = {"client_encoding": "UTF8"}
"""Set explicitly, since a database without an encoding (SQL_ASCII) would return bytes instead of text."""
_LIMITS = {"connect_timeout": "10", "keepalives_idle": "30", "tcp_user_timeout": "60000"}
"""Defaults in seconds, seconds and milliseconds; parameters of the URL override them."""

T = TypeVar("T")
AnyTables = TypeVar("AnyTables", bound="Connected")
_Connection = psycopg.Connection[tuple[Any, ...]]


class Connected:
    """The tables of an index, in one transaction."""

    def __init__(self, connection: _Connection, schema: str) -> None:
        self.schema = schema
        self._connection = connection
        self._names: dict[str, sql.Composable] = {name: sql.Identifier(schema, name) for name in _NAMES}
        self._names |= _ROWS

    def ask(self, question: LiteralString, *values: object) -> list[tuple[Any, ...]]:
        """Execute a statement with the placeholders of `tables`, such as `{known}`, and return its rows."""
        cursor = self._connection.execute(self._composed(question), values or None)
        return cursor.fetchall() if cursor.description else []

    def ask_each(self, statement: LiteralString, rows: Iterable[Sequence[object]]) -> None:
        """Execute a statement once per row of values, pipelined."""
        self._connection.cursor().executemany(self._composed(statement), rows)

    def create_schema(self) -> None:
        """Create the schema of the tables."""
        self._connection.execute(sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(self.schema)))

    def _composed(self, question: LiteralString) -> sql.Composed:
        return sql.SQL(question).format(**self._names)

    def wait_for_turn(self, what: str) -> None:
        """Acquire an advisory lock, named `what`, that is held until the transaction ends."""
        self.ask("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", f"airnub index {self.schema} {what}")


class Transactions(Generic[AnyTables]):
    """Transactions over one connection, which is reopened once if it broke between two transactions."""

    def __init__(self, url: str, tables: type[AnyTables]) -> None:
        """Parse the URL; the connection is opened on first use.

        Raises:
            StoreError: it is not the URL of a PostgreSQL database.
        """
        self.name, self._conninfo, self.schema = _parsed(url)
        self._tables = tables
        self._lock = Lock()
        self._closed = False
        self._connection: _Connection | None = None

    @contextmanager
    def alone(self, what: str) -> Iterator[None]:
        """Hold an advisory lock, named `what`, on a separate connection while the block runs.

        Raises:
            StoreError: the server is unreachable.
        """
        with self._translated(), self._connect() as connection, connection.transaction():
            tables = self._tables(connection, self.schema)
            tables.ask("SET LOCAL idle_in_transaction_session_timeout = 0")
            tables.wait_for_turn(what)
            yield

    def close(self) -> None:
        """Close the connection; later transactions raise StoreError."""
        with self._lock:
            self._closed = True
            self._drop()

    def write(self, work: Callable[[AnyTables], T]) -> T:
        """Run a transaction as `run` does; it is durable on the server when this returns."""

        def durably(tables: AnyTables) -> T:
            # The database may be configured to acknowledge commits before its WAL is flushed.
            tables.ask(
                """SELECT set_config('synchronous_commit', 'on', true)
                WHERE current_setting('synchronous_commit') = 'off'"""
            )
            return work(tables)

        return self.run(durably)

    def run(self, work: Callable[[AnyTables], T]) -> T:
        """Run a transaction, and retry it once if the connection is broken; `work` must be idempotent."""
        with self._lock, self._translated():
            try:
                return self._once(work)
            except psycopg.OperationalError:
                if self._connection is None or not self._connection.broken:
                    raise
                self._drop()
            return self._once(work)

    def _once(self, work: Callable[[AnyTables], T]) -> T:
        if self._closed:
            raise StoreError(self.name, "the index is closed")
        if self._connection is None:
            self._connection = self._connect()
        with self._connection.transaction():
            return work(self._tables(self._connection, self.schema))

    def _connect(self) -> _Connection:
        # No prepared statements: they belong to a session, which a pooler shares.
        return psycopg.connect(self._conninfo, autocommit=True, prepare_threshold=None)

    def _drop(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    @contextmanager
    def _translated(self) -> Iterator[None]:
        """Raise PostgreSQL's errors as StoreError."""
        try:
            yield
        except psycopg.Error as error:
            words = redact_text(" ".join(str(error).split()))
            if isinstance(error, psycopg.OperationalError) and (self._connection is None or self._connection.broken):
                reason = (
                    f"expected a login to a PostgreSQL server, found: {words}; "
                    "check that it runs, and host, port, user, password and database"
                )
            else:
                reason = f"the index cannot be used ({words})"
            raise StoreError(self.name, reason) from error


def _parsed(url: str) -> tuple[str, str, str]:
    """Parse a URL into a name without credentials, libpq's parameters, and the schema."""
    try:
        parts = urlsplit(url)
        asked = parse_qsl(parts.query, keep_blank_values=True)
        # libpq does not decode `+` as a space.
        others = urlencode([pair for pair in asked if pair[0] != "schema"]).replace("+", "%20")
        given = conninfo_to_dict(urlunsplit(parts._replace(query=others)))
    except (ValueError, psycopg.Error):
        raise _malformed() from None
    host, port, database = (
        str(given.get(key) or default) for key, default in (("host", "localhost"), ("port", "5432"), ("dbname", ""))
    )
    if "@" in database or not port.replace(",", "0").isdecimal():
        raise _malformed()
    socket = host.startswith("/")
    name = f"postgresql:///{database}?host={host}" if socket else f"postgresql://{host}:{port}/{database}"
    schema = dict(asked).get("schema", DEFAULT_SCHEMA)
    if not schema or '"' in schema:
        raise StoreError(name, f"expected the name of a schema, found {schema!r}")
    return name, make_conninfo("", **(_LIMITS | {"application_name": "airnub"} | given | _ENCODING)), schema


def _malformed() -> StoreError:
    # No part of the URL is quoted, since characters of the password may have been parsed as a different part.
    return StoreError(
        "postgresql://***",
        "expected postgresql://user:password@host:port/database, found a different form; "
        "write the characters @ : / ? # % in a password as %40 %3A %2F %3F %23 %25",
    )
