"""Which of two answers counts: the same tests on each kind of index."""

import itertools

import pytest

from airnub_core.store.index import Version
from airnub_core.store.index.merge import in_rounds
from airnub_core.store.manifest import url_digest

A, B = url_digest("http://h/a"), url_digest("http://h/b")


def version(row):
    """The version that a row stands for."""
    return Version(row.changed_at, row.digest, row.manifest)


def test_an_older_answer_does_not_overwrite_a_newer_one(index, known):
    """Run A was answered first and is recorded last: it is history, before what run B brought."""
    a, b = known(digit="1", day=1), known(digit="2", day=2)
    assert index.record([b], [None]) == {}
    assert index.record([a], [None]) == {0: b}
    assert index.current("s") == [b]
    assert index.versions("s", A) == [version(a), version(b)]


def test_what_was_looked_up_may_be_overwritten_whatever_the_time(index, known):
    """A clock that was set back makes no answer older than the one that was known when it was asked for."""
    before, after = known(digit="1", day=9), known(digit="2", day=2)
    index.record([before])
    assert index.record([after], [before]) == {}
    assert index.current("s") == [after]
    assert index.versions("s", A) == [version(before), version(after)]


def test_what_was_looked_up_and_is_not_there_any_more_is_not_overwritten(index, known):
    """Another run has only checked it: the later answer counts, and the state that it met is returned."""
    seen = known(digit="1", day=1)
    checked = seen._replace(checked_at=known(day=5).checked_at)
    index.record([seen])
    index.record([checked], [seen])
    earlier, later = known(digit="2", day=3), known(digit="3", day=7)
    assert index.record([later, known("http://h/b")], [seen, None]) == {0: checked}
    assert index.current("s") == [later, known("http://h/b")]
    assert index.record([earlier], [seen]) == {0: later}
    assert index.current("s") == [later, known("http://h/b")]
    assert index.versions("s", A) == list(map(version, (seen, earlier, later)))


def test_a_check_of_an_older_state_changes_nothing(index, known):
    """Run A was answered 304 for v1, before run B brought v2."""
    first, b = known(digit="1", day=1), known(digit="2", day=5)
    index.record([first])
    index.record([b], [first])
    a = first._replace(checked_at=known(day=3).checked_at)
    assert index.record([a], [first]) == {0: b}
    assert index.current("s") == [b]
    assert index.versions("s", A) == [version(first), version(b)]


def test_a_later_check_of_an_older_state_is_a_return_to_it(index, known):
    """The server had v2 in between, which run B brought; run A was answered 304 for v1 after that."""
    first, b = known(digit="1", day=1), known(digit="2", day=3)
    index.record([first])
    index.record([b], [first])
    a = first._replace(checked_at=known(day=5).checked_at)
    assert index.record([a], [first]) == {0: b}
    returned = a._replace(changed_at=a.checked_at)
    assert index.current("s") == [returned]
    assert index.versions("s", A) == list(map(version, (first, b, returned)))


def test_the_same_bytes_of_two_runs_are_one_version(index, known):
    """It began with the earlier answer; validators and the time of the check are those of the later one."""
    first = known(digit="1", day=1)
    a, b = known(digit="2", day=3, etag='"a"'), known(digit="2", day=5, etag='"b"')
    for answers in ((a, b), (b, a)):
        index.rebuild({})
        index.record([first])
        for answer in answers:
            index.record([answer], [first])
        together = b._replace(changed_at=a.changed_at)
        assert index.current("s") == [together]
        assert index.versions("s", A) == [version(first), version(together)]


def test_a_state_that_is_seen_before_and_after_another_is_two_versions(index, known):
    """Run A brought v2 in between, and is recorded last."""
    first = known(digit="1", day=1)
    checked = first._replace(checked_at=known(day=9).checked_at)
    index.record([first])
    index.record([checked], [first])
    a = known(digit="2", day=5)
    index.record([a], [first])
    again = checked._replace(changed_at=checked.checked_at)
    assert index.current("s") == [again]
    assert index.versions("s", A) == list(map(version, (first, a, again)))
    index.record([a], [first])  # as after a connection that broke
    assert index.versions("s", A) == list(map(version, (first, a, again)))


@pytest.mark.parametrize("digits", ["2345", "2322", "2121", "1213"])
def test_the_order_of_recording_does_not_count(index, known, digits):
    """Four runs that looked up the same state: the last answer is current, and the versions have the order of time."""
    first = known(digit="1", day=1)
    answers = [known(digit=digit, day=2 + number) for number, digit in enumerate(digits)]
    for order in itertools.permutations(answers):
        index.rebuild({})
        index.record([first])
        for answer in order:
            index.record([answer], [first])
        [current] = index.current("s")
        versions = index.versions("s", A)
        assert (current.digest, current.checked_at) == (answers[-1].digest, answers[-1].checked_at)
        assert versions == sorted(versions)
        assert all(one.digest != other.digest for one, other in itertools.pairwise(versions))
        assert {one.digest for one in versions} == {one.digest for one in (first, *answers)}
        if len(set(digits)) == 4:
            assert versions == list(map(version, (first, *answers)))


def test_answers_of_one_batch_are_compared_too(index, known):
    """A URL that is twice in it, whatever their order; and many URLs that others have recorded meanwhile."""
    others = [known(f"http://h/{number}", digit="2", day=number % 2 * 2 + 1) for number in range(100)]
    index.record(others)
    mine = [known(f"http://h/{number}", digit="3", day=2) for number in range(100)]
    twice = [known(digit="4", day=6), known(digit="5", day=5)]
    assert set(index.record([*mine, *twice])) == {*range(100), 101}
    assert [row.digest[-1] for row in index.current("s") if row.url != "http://h/a"] == [
        "3" if int(row.url[9:]) % 2 == 0 else "2" for row in index.current("s") if row.url != "http://h/a"
    ]
    assert index.find(A) == twice[:1]
    assert [one.digest[-1] for one in index.versions("s", A)] == ["5", "4"]
    assert [one.digest[-1] for one in index.versions("s", others[0].url_digest)] == ["2", "3"]
    assert [one.digest[-1] for one in index.versions("s", others[1].url_digest)] == ["3", "2"]


def test_what_was_looked_up_and_is_gone_comes_back_as_it_is(index, known):
    """The index was built anew meanwhile, without it: neither time is lost, also beside others."""
    seen = known(digit="1", day=1, checked_at=known(day=4).checked_at)
    same = seen._replace(checked_at=known(day=6).checked_at)
    other = known("http://h/b", digit="2", day=6)
    index.record([known("http://h/c", day=9)])
    assert index.record([same, other, known("http://h/c", digit="2", day=3)], [seen, known("http://h/b"), None]) == {
        2: known("http://h/c", day=9)
    }
    assert index.find(A) == [same]
    assert index.find(B) == [other]


def test_no_url_is_twice_in_a_round(known):
    """The order of one URL's rows is kept; of two sources it is two URLs."""
    a1, a2, a3 = (known(digit=digit) for digit in "123")
    b, c = known("http://h/b"), known(source="t")
    assert in_rounds([a1, b, a2, c, a3]) == [[0, 1, 3], [2], [4]]
    assert in_rounds([]) == []
