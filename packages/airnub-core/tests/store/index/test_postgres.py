"""What only the index in PostgreSQL has: a server that goes away, passwords, schemas."""

from contextlib import closing
from datetime import UTC, datetime

import psycopg
import pytest

from airnub_core.errors import StoreError
from airnub_core.store.clock import elapsed
from airnub_core.store.index.postgres import PostgresIndex
from airnub_core.store.index.postgres_connection import Tables
from airnub_core.store.manifest import url_digest
from airnub_core.store.withdrawal import Withdrawal

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
    with pytest.raises(StoreError, match=rf"127\.0\.0\.1:{unused_port}/db.*see that it runs") as error:
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


def test_a_claim_is_one_workers_until_it_is_released(postgres_url):
    """Of two who claim the same, each URL is one's; who claims again what is his has it."""
    one, two, three = (url_digest(f"http://h/{name}") for name in "abc")
    with closing(PostgresIndex(postgres_url)) as first, closing(PostgresIndex(postgres_url)) as second:
        assert first.claim([one, two, two]) == {one, two}
        assert second.claim([one, three]) == {three}
        assert first.claim([one, two]) == {one, two}
        second.release([one])
        assert second.claim([one]) == set()
        first.release([one])
        assert second.claim([one]) == {one}


def test_a_claim_lapses_unless_its_worker_goes_on(postgres_url, monkeypatch):
    """Who calls from time to time keeps what is his, who is silent loses it."""
    digests = {url_digest("http://h/a")}
    with closing(PostgresIndex(postgres_url)) as first, closing(PostgresIndex(postgres_url)) as second:
        monkeypatch.setattr("airnub_core.store.index.postgres.LEASE_SECONDS", 0.0)
        assert first.claim(digests) == digests
        assert second.claim(digests) == digests, "it has lapsed"
        monkeypatch.setattr("airnub_core.store.index.postgres.LEASE_SECONDS", 60.0)
        assert second.claim([]) == set()
        assert first.claim(digests) == set(), "the call before has kept it"


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


def test_the_clock_is_the_servers(postgres_url, monkeypatch):
    """Whatever this machine thinks; it is asked once in a while, and not for each answer."""
    with closing(PostgresIndex(postgres_url)) as index:
        asked = []
        run = index._transactions.run
        monkeypatch.setattr(index._transactions, "run", lambda work: (asked.append(work), run(work))[1])
        monkeypatch.setattr("time.time", lambda: 0.0)
        mine = datetime.now(UTC).timestamp()
        for _ in range(3):
            assert abs(elapsed() + index.clock() - mine) < 60
        assert len(asked) == 1
        monkeypatch.setattr("airnub_core.store.index.postgres._CLOCK_FOR", 0.0)
        index._clock_until = 0.0
        index.clock()
        index.clock()
        assert len(asked) == 3


def test_what_others_have_recorded_takes_no_question_for_each(postgres_url, known, monkeypatch):
    """Of a batch of which every URL has met another state, newer and older ones, as many as of a small one."""
    with closing(PostgresIndex(postgres_url)) as index:
        asked = []
        ask = Tables.ask
        monkeypatch.setattr(Tables, "ask", lambda *arguments: (asked.append(arguments[1]), ask(*arguments))[1])
        counts = []
        for number in (2, 200):
            urls = [f"http://h/{number}/{one}" for one in range(number)]
            index.record([known(url, day=1 + one % 2 * 4) for one, url in enumerate(urls)])
            asked.clear()
            met = index.record([known(url, digit="2", day=3) for url in urls])
            assert len(met) == number
            counts.append(len(asked))
        assert counts[0] == counts[1] < 8
        asked.clear()
        index.record([known(f"http://new/{one}") for one in range(200)])
        assert len(asked) == 2, "whether it writes durably, and the rows"
