"""A connection to PostgreSQL: its URL, transactions that are repeated once, and errors as those of the store.

Names of tables are qualified, and no state is kept in a session, so that a pool of connections may stand between.
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
"""What `sql` writes in braces."""
_ENCODING = {"client_encoding": "UTF8"}
"""A database that knows no encoding (SQL_ASCII) would answer with bytes."""
_LIMITS = {"connect_timeout": "10", "keepalives_idle": "30", "tcp_user_timeout": "60000"}
"""Seconds, seconds and milliseconds; the URL may say otherwise."""

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
        """Execute a statement, in which `{known}` and the like are names of tables; the rows that it gives."""
        cursor = self._connection.execute(self._composed(question), values or None)
        return cursor.fetchall() if cursor.description else []

    def ask_each(self, statement: LiteralString, rows: Iterable[Sequence[object]]) -> None:
        """Execute a statement with the values of each row, without waiting for each."""
        self._connection.cursor().executemany(self._composed(statement), rows)

    def create_schema(self) -> None:
        """Create the schema that the tables are in."""
        self._connection.execute(sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(self.schema)))

    def _composed(self, question: LiteralString) -> sql.Composed:
        return sql.SQL(question).format(**self._names)

    def wait_for_turn(self, what: str) -> None:
        """Wait until no other transaction that asked for the same turn is open; it is held until this one ends."""
        self.ask("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", f"airnub index {self.schema} {what}")


class Transactions(Generic[AnyTables]):
    """Transactions over one connection, which is opened anew once where it broke between two of them."""

    def __init__(self, url: str, tables: type[AnyTables]) -> None:
        """Read the URL; the connection is opened when it is needed.

        Raises:
            StoreError: it is not the URL of a database.
        """
        self.name, self._conninfo, self.schema = _parsed(url)
        self._tables = tables
        self._lock = Lock()
        self._closed = False
        self._connection: _Connection | None = None

    @contextmanager
    def alone(self, what: str) -> Iterator[None]:
        """A connection of its own that holds a turn while the block runs.

        Raises:
            StoreError: the server cannot be asked.
        """
        with self._translated(), self._connect() as connection, connection.transaction():
            tables = self._tables(connection, self.schema)
            tables.ask("SET LOCAL idle_in_transaction_session_timeout = 0")
            tables.wait_for_turn(what)
            yield

    def close(self) -> None:
        """Close the connection; further transactions are errors."""
        with self._lock:
            self._closed = True
            self._drop()

    def write(self, work: Callable[[AnyTables], T]) -> T:
        """The same as `run`, and on the disk of the server when it returns."""

        def durably(tables: AnyTables) -> T:
            # The database may be configured to answer before its log is on the disk.
            tables.ask(
                """SELECT set_config('synchronous_commit', 'on', true)
                WHERE current_setting('synchronous_commit') = 'off'"""
            )
            return work(tables)

        return self.run(durably)

    def run(self, work: Callable[[AnyTables], T]) -> T:
        """One transaction. Each may be done twice: what it writes is the same the second time."""
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
        # Prepared statements belong to a session, which is not ours alone behind a pool.
        return psycopg.connect(self._conninfo, autocommit=True, prepare_threshold=None)

    def _drop(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    @contextmanager
    def _translated(self) -> Iterator[None]:
        """PostgreSQL's errors as those of the store."""
        try:
            yield
        except psycopg.Error as error:
            words = redact_text(" ".join(str(error).split()))
            if isinstance(error, psycopg.OperationalError) and (self._connection is None or self._connection.broken):
                reason = (
                    f"expected a PostgreSQL server that lets us in, found: {words}; "
                    "see that it runs, and that host, port, user, password and database are right"
                )
            else:
                reason = f"the index cannot be used ({words})"
            raise StoreError(self.name, reason) from error


def _parsed(url: str) -> tuple[str, str, str]:
    """A name without credentials, libpq's parameters, and the schema."""
    try:
        parts = urlsplit(url)
        asked = parse_qsl(parts.query, keep_blank_values=True)
        # libpq takes `+` for itself, not for a space.
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
    # Where a character of the password was taken for a different part of the URL, no message may quote any of it.
    return StoreError(
        "postgresql://***",
        "expected postgresql://user:password@host:port/database, found a different form; "
        "write the characters @ : / ? # % in a password as %40 %3A %2F %3F %23 %25",
    )
