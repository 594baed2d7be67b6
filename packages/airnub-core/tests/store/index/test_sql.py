"""What both indexes do alike: the last run of a source or a dataset."""

import sqlite3

import pytest

from airnub_core.store.index import Failure, Scope, SqliteIndex
from airnub_core.store.index.rows import MOST

GONE = Failure("http://h/a", "HTTP 404")


@pytest.fixture
def index(opened):
    """An empty one, of each kind."""
    return opened()


def test_failures_are_known_to_the_next_process(index, opened):
    """Sources and datasets of one name are apart; a rebuilt index knows them still."""
    index.end_runs(Scope.SOURCE, {"s": [GONE], "t": []}, "first")
    index.end_runs(Scope.DATASET, {"s": [Failure(None, "no rows")]}, "first")
    index.rebuild({})
    other = opened()
    found = other.last_runs(Scope.SOURCE)
    assert {name: (one.failed, list(one.failures), one.is_complete) for name, one in found.items()} == {
        "s": (1, [GONE], False),
        "t": (0, [], True),
    }
    assert other.last_runs(Scope.DATASET)["s"].failures == [Failure(None, "no rows")]


def test_a_run_that_has_not_ended(index):
    """It is not complete, and keeps what failed in the run before, so that this can run again."""
    index.begin_runs(Scope.SOURCE, ["s", "new"], "first")
    assert [one.is_complete for one in index.last_runs(Scope.SOURCE).values()] == [False, False]
    index.end_runs(Scope.SOURCE, {"s": [GONE]}, "first")
    index.begin_runs(Scope.SOURCE, ["s"], "second")
    found = index.last_runs(Scope.SOURCE)["s"]
    assert (found.run, found.ended_at, found.failures) == ("second", None, [GONE])
    index.end_runs(Scope.SOURCE, {"s": []}, "second")
    found = index.last_runs(Scope.SOURCE)["s"]
    assert (found.failed, found.is_complete) == (0, True)
    assert found.began_at <= found.ended_at


def test_runs_that_overlap(index):
    """The one that began last decides: the end of an earlier one changes nothing, before it ends or after."""
    index.begin_runs(Scope.SOURCE, ["s", "alone"], "first")
    index.begin_runs(Scope.SOURCE, ["s"], "second")
    index.end_runs(Scope.SOURCE, {"s": [], "alone": []}, "first")
    found = index.last_runs(Scope.SOURCE)
    assert (found["s"].run, found["s"].ended_at, found["alone"].is_complete) == ("second", None, True)
    index.begin_runs(Scope.SOURCE, ["s"], "third")
    index.end_runs(Scope.SOURCE, {"s": []}, "third")
    ended = index.last_runs(Scope.SOURCE)["s"]
    index.end_runs(Scope.SOURCE, {"s": [GONE]}, "second")
    assert index.last_runs(Scope.SOURCE)["s"] == ended
    assert ended.is_complete


def test_of_too_many_failures_the_number_is_kept(index):
    """The list would grow with the source."""
    index.end_runs(Scope.SOURCE, {"s": [GONE] * (MOST + 1)}, "first")
    found = index.last_runs(Scope.SOURCE)["s"]
    assert (found.failed, found.failures, found.is_complete) == (MOST + 1, [], False)


def test_an_index_that_does_not_have_the_table_gets_it(place, opened):
    """Of a release before: nothing else of it changes."""
    opened().close()
    if isinstance(place, str):
        import psycopg

        from airnub_core.store.index.postgres_connection import _parsed

        _, conninfo, schema = _parsed(place)
        with psycopg.connect(conninfo) as connection:
            connection.execute(f'DROP TABLE "{schema}".last_run')
    else:
        with sqlite3.connect(place) as connection:
            connection.execute("DROP TABLE last_run")
        connection.close()
    index = opened()
    index.end_runs(Scope.SOURCE, {"s": []}, "first")
    assert index.last_runs(Scope.SOURCE)["s"].is_complete
    assert isinstance(index, SqliteIndex) == (not isinstance(place, str))
