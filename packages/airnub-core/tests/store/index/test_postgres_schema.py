"""The tables of the index in PostgreSQL: those of an earlier version are brought to this one."""

from contextlib import closing

import pytest

from airnub_core.errors import StoreError
from airnub_core.store.index.postgres import PostgresIndex
from airnub_core.store.manifest import url_digest
from airnub_core.store.withdrawal import Withdrawal

A = url_digest("http://h/a")


@pytest.fixture
def opened(postgres_url):
    """An index in an empty schema."""
    index = PostgresIndex(postgres_url)
    yield index
    index.close()


def test_a_schema_of_somebody_else_is_left_alone(postgres_url, opened):
    """Tables of the same names are not touched."""
    schema = f"{opened._transactions.schema}_other"
    opened._transactions.run(lambda tables: tables.ask(f"CREATE SCHEMA {schema} CREATE TABLE known (x int)"))
    try:
        with pytest.raises(StoreError, match="already exists"):
            PostgresIndex(f"{postgres_url}_other")
    finally:
        opened._transactions.run(lambda tables: tables.ask(f"DROP SCHEMA {schema} CASCADE"))


VERSION_2 = """
ALTER TABLE {0}.known DROP COLUMN withdrawn_at CASCADE, DROP COLUMN unwritten CASCADE;
DROP TABLE {0}.missing;
CREATE TRIGGER changed AFTER UPDATE OF digest ON {0}.known FOR EACH ROW
    WHEN (OLD.digest <> NEW.digest) EXECUTE FUNCTION {0}.remember();
UPDATE {0}.state SET version = 2;
"""
"""Makes of the tables of this version those of the one before."""


def test_version_2_is_brought_to_this_one(opened, postgres_url, known):
    """In place, with all that it holds; and URLs can be withdrawn then."""
    row = known(digit="2", day=2)
    opened.record([known()])
    opened.record([row], [known()])
    opened._transactions.run(lambda tables: tables.ask(VERSION_2.format(opened._transactions.schema)))
    for _ in range(2):
        with closing(PostgresIndex(postgres_url)) as index:
            assert index.current("s") == [row]
    with closing(PostgresIndex(postgres_url)) as index:
        assert index.withdraw([Withdrawal("s", A, row.url, row.checked_at, "gone")]) == [True]
        assert index.current("s") == []
        assert [version.digest[-1] for version in index.versions("s", A)] == ["1", "2"]


def test_a_later_version_is_refused(opened, postgres_url):
    """Its tables may mean something else."""
    opened._transactions.run(lambda tables: tables.ask(f"UPDATE {opened._transactions.schema}.state SET version = 4"))
    with pytest.raises(StoreError, match=r"expected an index of version 3 .* found 4"):
        PostgresIndex(postgres_url)
