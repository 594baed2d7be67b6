"""Outcomes and reports."""

import json

import pytest

from airnub_common import digest_of
from airnub_core import Outcome, Report, Status
from airnub_core.errors import HttpStatusError, StoreError
from airnub_core.outcome import CheckResult, Violation, remove_result, write_result

STORED = Outcome("s", Status.STORED, url="http://h/a", digest="sha256:00", path="s/00/00/a", manifest="m", size=10)
FAILED = Outcome("s", Status.FAILED, url="http://h/b", attempts=4, error=HttpStatusError("http://h/b", 404))
UPDATED = Outcome("t", Status.UPDATED, size=5)
UNCHANGED = Outcome("t", Status.UNCHANGED, size=7)


def test_an_item_as_it_is_published():
    """Every key is there, whatever became of the item."""
    assert STORED.as_json() == {
        "source": "s",
        "url": "http://h/a",
        "outcome": "stored",
        "digest": "sha256:00",
        "path": "s/00/00/a",
        "manifest": "m",
        "size": 10,
        "attempts": 1,
        "error": None,
    }
    assert FAILED.as_json()["error"]["type"] == "HttpStatusError"
    assert FAILED.as_json().keys() == STORED.as_json().keys()
    json.dumps([STORED.as_json(), FAILED.as_json()])


def test_a_dataset_has_rows():
    """Only where they mean something; none in quarantine is zero."""
    assert (
        Outcome("d", Status.STORED, rows=3).as_json() | {"rows": 3, "quarantined": 0}
        == Outcome("d", Status.STORED, rows=3).as_json()
    )
    assert Outcome("d", Status.STORED, rows=3, quarantined=2).as_json()["quarantined"] == 2


def test_superseded_rows_are_published_where_there_are_any():
    """A field that is new is optional."""
    assert Outcome("d", Status.STORED, rows=3, superseded=2).as_json()["superseded"] == 2
    assert "superseded" not in Outcome("d", Status.STORED, rows=3, superseded=0).as_json()


def test_why_rows_are_quarantined_is_published():
    """Also of a dataset that failed for it, which has no rows; and so are warnings."""
    item = Outcome(
        "d", Status.FAILED, quarantined=2, violations=(Violation("x: expected a value", 2, "nothing"),)
    ).as_json()
    assert item["violations"] == [{"rule": "x: expected a value", "rows": 2, "example": "nothing"}]
    assert item["quarantined"] == 2
    assert "rows" not in item
    assert Outcome("d", Status.STORED, warning="it has no rows").as_json()["warning"] == "it has no rows"
    json.dumps(item)


def test_what_checks_found_is_published():
    """Where a dataset has checks; as a sentence each names itself, what was expected and what was found."""
    result = CheckResult("row_count", False, "warn", "at least 5 rows", "3 rows")
    assert str(result) == "check row_count: expected at least 5 rows, found 3 rows"
    item = json.loads(json.dumps(Outcome("d", Status.STORED, rows=3, checks=(result,)).as_json()))
    assert item["checks"] == [
        {"name": "row_count", "passed": False, "on_fail": "warn", "expected": "at least 5 rows", "found": "3 rows"}
    ]
    assert "checks" not in Outcome("d", Status.STORED, rows=3).as_json()


def test_a_report_counts():
    """Every kind is named, also those that did not occur."""
    report = Report((STORED, FAILED, UPDATED, UNCHANGED, STORED))
    assert report.counts == {"stored": 2, "updated": 1, "unchanged": 1, "failed": 1}
    assert Report().counts == {"stored": 0, "updated": 0, "unchanged": 0, "failed": 0}
    assert report.failed == [FAILED]
    assert report.new_bytes == 25


def test_reports_add_up():
    """In their order."""
    assert (Report((STORED,)) + Report([FAILED])).outcomes == (STORED, FAILED)


def test_a_new_file_is_stored(tmp_path):
    """Its folders are made; the outcome has its path below the folder, its digest, its size and the note."""
    outcome = write_result(tmp_path / "reports", "2018/rain.md", b"# Rain\n", "rain_report", note="It rained.")
    assert (tmp_path / "reports" / "2018" / "rain.md").read_bytes() == b"# Rain\n"
    assert outcome == Outcome(
        "rain_report", Status.STORED, digest=digest_of(b"# Rain\n"), path="2018/rain.md", size=7, note="It rained."
    )


def test_the_same_bytes_are_not_written_again(tmp_path):
    """The file is left as it is, also its time."""
    write_result(tmp_path, "rain.md", b"wet", "rain")
    before = (tmp_path / "rain.md").stat()
    outcome = write_result(tmp_path, "rain.md", b"wet", "rain")
    after = (tmp_path / "rain.md").stat()
    assert outcome.kind is Status.UNCHANGED
    assert (before.st_ino, before.st_mtime_ns) == (after.st_ino, after.st_mtime_ns)


def test_new_bytes_replace_the_file(tmp_path):
    """Whoever has it open keeps the old one whole."""
    write_result(tmp_path, "rain.md", b"wet", "rain")
    with (tmp_path / "rain.md").open("rb") as reader:
        assert write_result(tmp_path, "rain.md", b"dry", "rain").kind is Status.UPDATED
        assert reader.read() == b"wet"
    assert (tmp_path / "rain.md").read_bytes() == b"dry"
    assert [path.name for path in tmp_path.iterdir()] == ["rain.md"]


def test_an_empty_file_is_a_file(tmp_path):
    """Stored once, unchanged then."""
    kinds = [write_result(tmp_path, "empty", b"", "rain").kind for _ in range(2)]
    assert kinds == [Status.STORED, Status.UNCHANGED]


def test_a_folder_that_cannot_be_written_is_an_error(tmp_path):
    """With the path in it."""
    (tmp_path / "reports").touch()
    with pytest.raises(StoreError, match="reports"):
        write_result(tmp_path / "reports", "rain.md", b"wet", "rain")


def test_a_file_is_removed_if_it_is_there(tmp_path):
    """An error names its path."""
    write_result(tmp_path, "rain.md", b"wet", "rain")
    for _ in range(2):
        remove_result(tmp_path, "rain.md")
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "rain.md").mkdir()
    with pytest.raises(StoreError, match=r"rain\.md"):
        remove_result(tmp_path, "rain.md")
