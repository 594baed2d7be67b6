"""What every index does: the same tests on each kind."""

import multiprocessing
import sqlite3
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from airnub_common import redact_url
from airnub_core.errors import StoreError
from airnub_core.store.clock import elapsed
from airnub_core.store.factory import open_index
from airnub_core.store.index import Failure, Missed, Run, Scope, SqliteIndex, Standing, Version
from airnub_core.store.index.tables import MOST
from airnub_core.store.manifest import url_digest
from airnub_core.store.withdrawal import Withdrawal

GONE = Failure("http://h/a", "HTTP 404")
A, B = url_digest("http://h/a"), url_digest("http://h/b")


def version(row):
    """The version that a row stands for."""
    return Version(row.changed_at, row.digest, row.manifest)


def test_what_was_recorded_is_known(index, known):
    """By source and digest of URL; other sources and URLs are not."""
    index.record([known()])
    assert index.lookup("s", [A, B]) == {A: known()}
    assert index.lookup("t", [A]) == {}
    assert index.lookup("s", []) == {}
    index.record([])


def test_a_url_is_found_in_every_source(index, known):
    """Each source has a row of its own."""
    index.record([known(source="t", digit="2"), known(), known("http://h/b")])
    assert index.find(A) == [known(), known(source="t", digit="2")]
    assert index.find(url_digest("http://h/c")) == []


def test_digests_that_begin_alike_are_told_apart(index, known):
    """Whatever of a digest a key holds, the whole counts."""
    near = [known(url_digest=A[:60] + digits) for digits in ("0000", "0001", "0002")]
    index.record(near)
    index.record([near[0]._replace(size=9)])
    assert index.lookup("s", [near[1].url_digest]) == {near[1].url_digest: near[1]}
    assert index.find(near[0].url_digest) == [near[0]._replace(size=9)]
    assert len(index.current("s")) == 3


def test_the_state_before_is_history(index, known):
    """A URL has one current state, and all the states that it was in; a return to earlier bytes is one more."""
    states = [known(digit="1", day=1), known(digit="2", day=2), known(digit="1", day=3)]
    for state in states:
        index.record([state])
    checked = states[-1]._replace(checked_at="2026-01-04T00:00:00+00:00", etag=None, last_modified="now")
    index.record([checked])
    assert index.current("s") == [checked]
    assert index.versions("s", A) == list(map(version, states))
    assert index.versions("s", B) == []
    assert index.versions("t", A) == []


def test_of_what_is_unchanged_the_time_of_the_check_moves(index, known):
    """And nothing else; what is gone comes back."""
    states = [known(), known(source="t"), known("http://h/b")]
    gone = known("http://h/gone")
    index.record(states)
    checked = [row._replace(checked_at="2027") for row in (*states, gone)]
    assert index.record([known("http://h/new"), *checked], [None, *states, gone]) == {}
    for row in checked:
        assert index.lookup(row.source, [row.url_digest]) == {row.url_digest: row}
    assert index.versions("s", A) == [version(states[0])]
    assert len(index.current("s")) == 4


def test_an_unchanged_digest_that_begins_like_another_leaves_it_alone(index, known):
    """Whatever of a digest a key holds, the whole counts."""
    near = [known(url_digest=A[:60] + digits) for digits in ("0000", "0001")]
    index.record(near)
    index.record([near[0]._replace(checked_at="2027")], near[:1])
    assert index.find(near[1].url_digest) == [near[1]]


def test_a_url_may_come_twice_in_one_batch(index, known):
    """The order of the rows is that of time."""
    first, other, last = known(digit="1"), known("http://h/b"), known(digit="2", day=2)
    index.record([first, other, last])
    assert index.lookup("s", [A, B]) == {A: last, B: other}
    assert index.versions("s", A) == [version(first), version(last)]
    assert index.versions("s", B) == [version(other)]


def test_many_urls_at_once(index, known):
    """Batches of a thousand, new ones and known ones; ordered by URL when all are asked for."""
    rows = [known(f"http://h/{number}") for number in range(6000)]
    for start in range(0, 6000, 1000):
        index.record(rows[start : start + 1000])
    changed = [row._replace(digest=f"sha256:{'2' * 64}") for row in rows[500:1500]]
    index.record(changed)
    assert len(index.lookup("s", [row.url_digest for row in rows])) == 6000
    assert index.lookup("s", [row.url_digest for row in changed]) == {row.url_digest: row for row in changed}
    assert [row.url for row in index.current("s")] == sorted(row.url for row in rows)
    assert len(index.versions("s", rows[700].url_digest)) == 2
    assert len(index.versions("s", rows[0].url_digest)) == 1


def test_sources_are_listed_in_order(index, known):
    """Each once."""
    assert index.sources() == []
    index.record([known(source=source, url=f"http://h/{number}") for source in "tsu" for number in range(3)])
    assert index.sources() == ["s", "t", "u"]


def test_watermarks(index):
    """One for each source, and none before the first."""
    assert index.watermark("s") is None
    index.move_watermark("s", "1")
    index.move_watermark("s", "2")
    assert (index.watermark("s"), index.watermark("t")) == ("2", None)


def test_the_clock_is_that_of_the_index(index):
    """Both kinds are on this machine here."""
    assert abs(elapsed() + index.clock() - time.time()) < 60


def test_everything_survives_closing(opened, known):
    """Recording the same once more adds no version."""
    for _ in range(2):
        index = opened()
        index.record([known()])
        index.move_watermark("s", "1")
        index.close()
    index = opened()
    assert (index.current("s"), len(index.versions("s", A)), index.watermark("s")) == ([known()], 1, "1")


def test_it_is_rebuilt_from_manifests(index, known, manifest):
    """The newest state of each URL is current, all are versions; watermarks stay."""
    index.record([known("http://h/gone"), known("http://h/gone", digit="9")])
    index.move_watermark("s", "1")
    assert not index.is_built
    manifests = {
        "m2": manifest("http://h/a", "2", 2),
        "m1": manifest("http://h/a", "1", 1),
        "m3": manifest("http://h/b", "3", 1),
    }
    for _ in range(2):
        index.rebuild(manifests)
        assert index.is_built
        assert [(row.url, row.digest[-1], row.manifest, row.etag) for row in index.current("s")] == [
            ("http://h/a", "2", "m2", '"e"'),
            ("http://h/b", "3", "m3", '"e"'),
        ]
        assert [version.manifest for version in index.versions("s", A)] == ["m1", "m2"]
        assert index.find(url_digest("http://h/gone")) == []
        assert index.watermark("s") == "1"


def test_a_failed_recording_leaves_nothing(index, known):
    """One call is one transaction, and the next one works."""
    with pytest.raises(StoreError):
        index.record([known("http://h/b"), known("http://h/c", digest=None)])
    assert index.lookup("s", [B]) == {}
    index.record([known()])
    assert index.current("s") == [known()]


def test_two_see_each_other(index, opened, known):
    """Two processes may have it open."""
    other = opened()
    other.record([known()])
    assert index.lookup("s", [A])
    index.record([known(digit="2", day=2)])
    assert len(other.versions("s", A)) == 2


def test_any_thread_may_record(index, known):
    """Also several at once, on one opened index."""
    rows = [[known(f"http://h/{thread}/{number}") for number in range(300)] for thread in range(4)]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(index.record, rows))
    assert len(index.current("s")) == 1200


def record_all(place, rows, start, batch):
    """What one worker process does: the same rows as the others, from another place on."""
    index = open_index(place, lambda built: built.rebuild({}))
    start.wait(60)
    turned = rows[batch:] + rows[:batch]
    for first in range(0, len(turned), 1000):
        index.record(turned[first : first + 1000])
    index.close()


@pytest.mark.system
def test_four_processes_record_the_same_rows(place, opened, known):
    """Nobody waits for ever, nothing is lost, and the same bytes are one version."""
    index = opened()
    index.rebuild({})
    rows = [known(f"http://h/{number}") for number in range(3000)]
    context = multiprocessing.get_context("spawn")
    start = context.Barrier(4)
    workers = [context.Process(target=record_all, args=(place, rows, start, 700 * number)) for number in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert [worker.exitcode for worker in workers] == [0, 0, 0, 0]
    assert len(index.current("s")) == 3000
    assert {len(index.versions("s", row.url_digest)) for row in rows[::100]} == {1}


def test_a_change_that_several_record_is_one_version_each(opened, known):
    """However they interleave, the history holds the states that were replaced."""
    first = opened()
    first.record([known()])
    indexes = [first, opened(), opened()]
    start = threading.Barrier(3)

    def change(index):
        start.wait(60)
        for _ in range(5):
            index.record([known(digit="2", day=2)])

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(change, indexes))
    assert first.versions("s", A) == [version(known()), version(known(digit="2", day=2))]


def test_a_closed_index_is_an_error_of_the_store(index, known):
    """Whoever comes too late is told in our own words."""
    index.close()
    for ask in (
        lambda: index.lookup("s", [A]),
        lambda: index.record([known()]),
        lambda: index.watermark("s"),
        lambda: index.is_built,
    ):
        with pytest.raises(StoreError):
            ask()
    index.close()


def test_a_secret_of_a_url_cannot_be_read(place, index, manifest, tmp_path):
    """The digest stands for the whole URL, beside it is the redacted one."""
    url = "http://me:passw0rd@h/a?token=s3cret"
    index.rebuild({"m": replace(manifest(url, "1", 1), url=redact_url(url), final_url=redact_url(url))})
    assert index.lookup("s", [url_digest(url)])
    if isinstance(index, SqliteIndex):
        index.close()
        written = place.read_bytes()
    else:
        import psycopg
        from psycopg import sql

        bare, _, schema = place.rpartition("schema=")
        with psycopg.connect(bare.rstrip("?&")) as connection:
            tables = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = %s", [schema]).fetchall()
            assert len(tables) == 7
            written = b"".join(
                str(
                    connection.execute(sql.SQL("SELECT * FROM {}").format(sql.Identifier(schema, table))).fetchall()
                ).encode()
                for (table,) in tables
            )
    assert b"http://***@h/a" in written
    assert b"passw0rd" not in written
    assert b"s3cret" not in written


def test_urls_that_are_not_listed(index, known):
    """At most as many as are asked for; those of other sources are none of them."""
    assert (index.count("s"), index.unlisted("s", set(), 9)) == (0, [])
    rows = [known(f"http://h/{number}") for number in range(4)]
    index.record([*rows, known("http://h/0", source="t")])
    assert index.count("s") == 4
    listed = {row.url_digest for row in rows[1:]} | {B}
    assert index.unlisted("s", listed, 9) == [rows[0].url]
    assert len(index.unlisted("s", set(), 3)) == 3


def test_objects_are_those_of_the_current_urls(index, known):
    """Their newest states, without withdrawn URLs and other sources."""
    row, other, gone = known(), known("http://h/b"), known("http://h/c")
    index.record([row, other, gone, known(source="t")])
    newer = known(digest="2", day=2)
    index.record([newer], [row])
    index.withdraw([withdrawal(gone)])
    expected = [(one.digest, one.path, one.changed_at, one.manifest) for one in (newer, other)]
    assert sorted(index.objects("s")) == sorted(expected)
    assert index.objects("u") == []


def withdrawal(row, day=5, reason="gone"):
    return Withdrawal(row.source, row.url_digest, row.url, f"2026-01-{day:02}T00:00:00+00:00", reason)


def test_a_withdrawn_url_has_no_current_state(index, known):
    """What it had is history; other URLs, and other sources of this one, are left alone."""
    row, other, elsewhere = known(), known("http://h/b"), known(source="t")
    index.record([row, other, elsewhere])
    assert index.withdraw([withdrawal(row)]) == [True]
    assert index.lookup("s", [A, B]) == {B: other}
    assert (index.current("s"), index.count("s"), index.find(A)) == ([other], 1, [elsewhere])
    assert (index.unlisted("s", {B}, 9), index.unlisted("s", set(), 9)) == ([], [other.url])
    assert index.withdrawn("s") == [(row, "2026-01-05T00:00:00+00:00")]
    assert index.versions("s", A) == [Version(row.changed_at, row.digest, row.manifest)]
    assert index.sources() == ["s", "t"]
    assert index.withdraw([withdrawal(row)]) == [True]
    assert len(index.versions("s", A)) == 1


def test_what_is_not_withdrawn(index, known):
    """A URL that was answered later, and one that is not known."""
    index.record([known(day=6)])
    assert index.withdraw([withdrawal(known()), withdrawal(known("http://h/b"))]) == [False, False]
    assert index.current("s") == [known(day=6)]
    assert index.unwritten() == []


def test_a_withdrawal_is_unwritten_until_the_store_has_it(index, opened, known):
    """A later one of the same URL is not written with the earlier one, and no answer restores the URL meanwhile."""
    index.record([known()])
    index.withdraw([withdrawal(known())])
    assert opened().unwritten() == [withdrawal(known())]
    index.record([known(digit="2", day=6)])
    assert index.current("s") == []
    index.withdraw([withdrawal(known(), 7)])
    index.written([withdrawal(known())])
    assert index.unwritten() == [withdrawal(known(), 7)]
    index.written([withdrawal(known(), 7)])
    assert index.unwritten() == []


@pytest.mark.parametrize("digit", ["1", "2"])
def test_a_later_answer_restores_a_url(index, known, digit):
    """As a new state, with the same bytes or others; asked for after it was withdrawn."""
    index.record([known()])
    index.withdraw([withdrawal(known())])
    index.written([withdrawal(known())])
    back = known(digit=digit, day=6)
    assert index.record([back]) == {}
    assert index.record([back], [None]) == {}
    assert (index.current("s"), index.withdrawn("s")) == ([back], [])
    assert [version.digest[-1] for version in index.versions("s", A)] == ["1", digit]
    later = known(digit="3", day=8)
    index.record([later], [back])
    assert index.current("s") == [later]
    assert [version.digest[-1] for version in index.versions("s", A)] == ["1", digit, "3"]


def test_an_answer_from_before_is_history(index, known):
    """It was asked for, or what it confirms was looked up, before the withdrawal."""
    row = known(day=2)
    index.record([row])
    index.withdraw([withdrawal(row)])
    index.written([withdrawal(row)])
    index.record([known(digit="2", day=3)], [row])
    index.record([row._replace(checked_at="2026-01-09T00:00:00+00:00")], [row])
    index.record([known(digit="3", day=1)])
    assert index.current("s") == []
    assert [version.digest[-1] for version in index.versions("s", A)] == ["3", "1", "2", "1"]


def run_of(day, name=None):
    return Run(name or str(day), f"2026-01-{day:02}T00:00:00+00:00")


def test_misses_of_two_runs(index, opened, known):
    """The note survives the process; a run that began before it was written is not the next one."""
    index.record([known()])
    missed = [Missed("s", A), Missed("s", B), Missed("t", A)]
    assert index.miss(run_of(2), missed) == [Standing.NOTED, Standing.UNKNOWN, Standing.UNKNOWN]
    other = opened()
    assert other.miss(run_of(3), missed[:1]) == [Standing.NOTED], "the note was written just now"
    after = Run("later", "2999-01-01T00:00:00+00:00")
    assert other.miss(Run("2", after.began_at), missed[:1]) == [Standing.NOTED], "an attempt of the same run"
    assert other.miss(after, missed[:1]) == [Standing.MISSED_BEFORE]
    other.withdraw([withdrawal(known())])
    assert other.miss(after, missed[:1]) == [Standing.WITHDRAWN]


def test_what_makes_a_note_void(index, known):
    """An answer to a later request, in whatever way it is recorded; or that it is dropped."""
    after = Run("later", "2999-01-01T00:00:00+00:00")
    row = known()
    index.record([row])
    for drop in (
        lambda: index.record([row._replace(checked_at="2026-01-03T00:00:00+00:00")], [row]),
        lambda: index.forget_misses("s", [A]),
        lambda: index.forget_misses("s"),
        lambda: index.rebuild({}) or index.record([row]),
    ):
        assert index.miss(run_of(4, "first"), [Missed("s", A)]) == [Standing.NOTED]
        index.forget_misses("t", [A])
        index.forget_misses("t")
        drop()
        if drop.__code__.co_names[0] == "record":
            assert index.miss(run_of(2, "earlier"), [Missed("s", A)]) == [Standing.UNKNOWN], "answered since it began"
            index.forget_misses("s")
            continue
        assert index.miss(after, [Missed("s", A)]) == [Standing.NOTED]
        index.forget_misses("s")


def test_it_is_rebuilt_with_withdrawals(index, manifest):
    """A manifest that was fetched later makes its URL current again."""
    manifests = {"m1": manifest("http://h/a", "1", 1), "m2": manifest("http://h/b", "2", 1)}
    manifests["m3"] = manifest("http://h/b", "3", 9)
    withdrawn = [Withdrawal("s", digest, "", "2026-01-05T00:00:00+00:00", "gone") for digest in (A, B)]
    index.rebuild(manifests, withdrawn)
    assert [row.manifest for row in index.current("s")] == ["m3"]
    assert [version.manifest for version in index.versions("s", A)] == ["m1"]
    assert [row.manifest for row, _ in index.withdrawn("s")] == ["m1"]
    assert index.unwritten() == []


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
