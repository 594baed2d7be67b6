"""What only the index in PostgreSQL has: leases, the clock of the server, few statements, earlier tables."""

from contextlib import closing
from datetime import UTC, datetime

import pytest

from airnub_core.errors import StoreError
from airnub_core.store.clock import elapsed
from airnub_core.store.index.postgres import PostgresIndex
from airnub_core.store.index.postgres import PostgresTables as Tables
from airnub_core.store.manifest import url_digest
from airnub_core.store.withdrawal import Withdrawal

A = url_digest("http://h/a")


@pytest.fixture
def opened(postgres_url):
    """An index in an empty schema."""
    index = PostgresIndex(postgres_url)
    yield index
    index.close()


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
