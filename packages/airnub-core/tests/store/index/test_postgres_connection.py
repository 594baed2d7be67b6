"""The connection to PostgreSQL: a server that goes away, passwords, schemas."""

from contextlib import closing

import psycopg
import pytest

from airnub_core.errors import StoreError
from airnub_core.store.index.postgres import PostgresIndex
from airnub_core.store.manifest import url_digest

A = url_digest("http://h/a")


@pytest.fixture
def opened(postgres_url):
    """An index in an empty schema."""
    index = PostgresIndex(postgres_url)
    yield index
    index.close()


@pytest.mark.system
def test_a_server_that_was_restarted_is_asked_again(postgres_server, opened, known):
    """Between two calls, whatever comes next: reading or writing."""
    if postgres_server is None:
        pytest.skip("expected a server of our own to restart, found that of AIRNUB_TEST_POSTGRES_URL")
    opened.record([known()])
    postgres_server.restart()
    assert opened.lookup("s", [A]) == {A: known()}
    postgres_server.restart()
    opened.record([known(digit="2", day=2)])
    assert len(opened.versions("s", A)) == 2


def test_a_connection_that_was_ended_is_opened_again(opened, postgres_url, known):
    """As by an administrator, or a gateway that is tired of it."""
    opened.record([known()])
    other = PostgresIndex(postgres_url)
    other._transactions.run(
        lambda tables: tables.ask(
            "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity "
            "WHERE application_name = 'airnub' AND pid <> pg_backend_pid()"
        )
    )
    other.close()
    assert opened.current("s") == [known()]


def test_a_second_store_has_a_schema_of_its_own(opened, postgres_url, known):
    """In the same database."""
    other = PostgresIndex(f"{postgres_url}_second")
    try:
        opened.record([known()])
        assert other.current("s") == []
    finally:
        other._transactions.run(lambda tables: tables.ask(f"DROP SCHEMA {other._transactions.schema} CASCADE"))
        other.close()


def test_a_password_that_is_wrong_is_told_without_it(postgres_server, postgres_url):
    """With the host, and what to do."""
    if postgres_server is None:
        pytest.skip("expected a server that asks for passwords, found that of AIRNUB_TEST_POSTGRES_URL")
    wrong = postgres_url.replace("pass%20word", "wr0ng%20word")
    with pytest.raises(StoreError, match="password") as error:
        PostgresIndex(wrong)
    assert str(postgres_server.url.partition("host=")[2]) in str(error.value)
    assert "wr0ng" not in str(error.value)


def test_a_server_that_does_not_answer_is_told(unused_port):
    """With host and port, without the password."""
    with pytest.raises(StoreError, match=rf"127\.0\.0\.1:{unused_port}/db.*check that it runs") as error:
        PostgresIndex(f"postgresql://me:s3cret#@127.0.0.1:{unused_port}/db")
    assert "s3cret" not in str(error.value)


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://me:s3/cret@h/db",
        "postgresql://me:3/s3cret@h/db",
        "postgresql://me:s3?cret@h/db",
        "postgresql://me:s3#cret@h/db?schema=x",
        "postgresql://me:s3cret@h:port/db",
        "postgresql://me:s3cret@h/db?no_such=1",
        "postgresql://me:s3cret@h/db?schema=",
        "postgresql://me:s3cret@h/db?schema=a%22b",
        "postgresql://me:s3cret%@h/db",
        "postgresql://me:s3cret@[h/db",
    ],
)
def test_a_url_of_another_form_is_told_without_the_password(url):
    """Libpq's own words would quote it."""
    with pytest.raises(StoreError, match="expected") as error:
        PostgresIndex(url)
    assert "s3" not in str(error.value)
    assert "cret" not in str(error.value)


def test_what_is_stored_waits_for_the_disk(opened, postgres_url, known):
    """Also where the database is told not to."""
    hasty = PostgresIndex(f"{postgres_url}&options=-c%20synchronous_commit%3Doff")
    seen = []

    def look(tables):
        seen.extend(tables.ask("SHOW synchronous_commit"))

    hasty._transactions.run(look)
    hasty._transactions.write(look)
    hasty.close()
    assert seen == [("off",), ("on",)]


def test_a_database_without_an_encoding_answers_with_text(postgres_url, known):
    """A database in SQL_ASCII, what initdb makes of the locale C, is as good as any other."""
    base, _, schema = postgres_url.rpartition("schema=")
    name = f"ascii_{schema}"
    with psycopg.connect(base.rstrip("?&"), autocommit=True) as connection:
        connection.execute(
            f"CREATE DATABASE {name} ENCODING 'SQL_ASCII' TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C'"
        )
        try:
            with closing(PostgresIndex(postgres_url.replace("/postgres?", f"/{name}?"))) as index:
                index.record([known()])
                assert index.current("s") == [known()]
        finally:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
