"""Partial files; that they are resumed is tested with the downloads."""

import json

import pytest

from airnub_core.errors import StoreError
from airnub_core.store.partials import (
    BODY,
    NOTE,
    WORTH_RESUMING,
    Partials,
    ResumeInfo,
    drop_resume_info,
    key_of,
    read_note,
    write_resume_info,
)

NOTE_1 = ResumeInfo("s", "http://h/a?token=***", "cd" * 32, '"v1"', WORTH_RESUMING, "ab" * 32, 3 * WORTH_RESUMING)
KEY = key_of("s", "cd" * 32)


@pytest.fixture
def partials(tmp_path):
    """None yet."""
    return Partials(tmp_path / "hidden")


@pytest.fixture
def folder(tmp_path):
    """A folder with a body and its note, on its way."""

    def make(note=NOTE_1, body=b"body"):
        path = tmp_path / "staging"
        path.mkdir()
        (path / BODY).write_bytes(body)
        write_resume_info(path, note)
        return path

    return make


def test_what_is_parked_can_be_taken(partials, folder, tmp_path):
    """Once: whoever takes it has it alone."""
    assert partials.keys() == frozenset()
    assert partials.park(folder())
    assert partials.keys() == {KEY}
    assert [partial.note for partial in partials] == [NOTE_1]
    assert partials.take(KEY, tmp_path / "mine") == NOTE_1
    assert (tmp_path / "mine" / BODY).read_bytes() == b"body"
    assert partials.take(KEY, tmp_path / "again") is None
    assert (list(partials), partials.keys()) == ([], frozenset())


def test_a_folder_that_cannot_be_read_is_an_error_of_the_store(partials, tmp_path):
    """With its path."""
    (tmp_path / "hidden").mkdir()
    (tmp_path / "hidden" / "partial").write_text("in the way")
    with pytest.raises(StoreError, match="hidden/partial: Not a directory"):
        partials.keys()


def test_the_later_one_counts(partials, folder, tmp_path):
    """One URL has one partial file."""
    partials.park(folder(body=b"before"))
    partials.park(folder(NOTE_1._replace(etag='"v2"'), body=b"after"))
    note = partials.take(KEY, tmp_path / "mine")
    assert (note.etag, (tmp_path / "mine" / BODY).read_bytes()) == ('"v2"', b"after")


def test_sources_and_urls_are_apart():
    """A key can be a folder's name."""
    keys = {key_of(source, digest * 32) for source in ("s", "t") for digest in ("ab", "cd")}
    assert len(keys) == 4
    assert not any("/" in key for key in keys)


@pytest.mark.parametrize("harm", ["small", "no note", "no body"])
def test_what_is_not_worth_it_is_left_where_it_is(partials, folder, harm):
    """Too small, or nobody knows what it is."""
    path = folder(NOTE_1._replace(size=WORTH_RESUMING - 1) if harm == "small" else NOTE_1)
    if harm != "small":
        (path / {"no note": NOTE, "no body": BODY}[harm]).unlink()
    assert not partials.park(path)
    assert path.is_dir()
    assert partials.keys() == frozenset()


@pytest.mark.parametrize("harm", ["note", "body"])
def test_what_cannot_be_read_is_given_up(partials, folder, tmp_path, harm):
    """It is neither listed nor resumed, and it goes when somebody asks for it."""
    partials.park(folder())
    (tmp_path / "hidden" / "partial" / KEY / {"note": NOTE, "body": BODY}[harm]).unlink()
    assert partials.take(KEY, tmp_path / "mine") is None
    assert not (tmp_path / "mine").exists()
    assert partials.keys() == frozenset()


NOTED = json.dumps(NOTE_1._asdict()).encode()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"null",
        b"{}",
        b"[1]",
        NOTED[:-1],
        NOTED.replace(b'"size": ', b'"size": -'),
        NOTED.replace(b'"size": ', b'"size": 0.'),
        NOTED.replace(b'"size"', b'"sizes"'),
        NOTED.replace(b'"s"', b"7"),
        b"\0" * 200,
    ],
)
def test_a_note_that_is_none(tmp_path, content):
    """Cut or changed, it says nothing."""
    (tmp_path / NOTE).write_bytes(content)
    assert read_note(tmp_path) is None


def test_a_note_is_written_in_place_of_the_one_before(tmp_path):
    """At no moment there is half of one: the bytes of the one before are never written to."""
    write_resume_info(tmp_path, NOTE_1)
    (tmp_path / "before").hardlink_to(tmp_path / NOTE)
    write_resume_info(tmp_path, NOTE_1._replace(size=2 * WORTH_RESUMING, expected=None))
    assert read_note(tmp_path) == NOTE_1._replace(size=2 * WORTH_RESUMING, expected=None)
    assert json.loads((tmp_path / "before").read_text()) == NOTE_1._asdict()
    assert {path.name for path in tmp_path.iterdir()} == {NOTE, "before"}


def test_a_whole_file_has_no_note(folder):
    """Nor what a kill left of one that was being written."""
    path = folder()
    (path / f"{NOTE}.new").touch()
    drop_resume_info(path)
    assert [one.name for one in path.iterdir()] == [BODY]
    drop_resume_info(path)


def test_one_can_be_given_up(partials, folder):
    """And one that is not there cannot: the error says which."""
    partials.park(folder())
    partials.remove(KEY)
    assert partials.keys() == frozenset()
    with pytest.raises(StoreError, match=KEY):
        partials.remove(KEY)


def test_one_that_is_taken_up_while_it_is_removed_is_whole_or_not_there(partials, folder, tmp_path, monkeypatch):
    """A run that comes in the middle of the removal does not get a note whose body goes in its hands."""
    partials.park(folder())
    taken = []

    def interrupted(path, **_):
        taken.append(partials.take(KEY, tmp_path / "taken"))
        raise PermissionError(13, "of the test", str(path))

    monkeypatch.setattr("airnub_core.store.partials.shutil.rmtree", interrupted)
    with pytest.raises(StoreError):
        partials.remove(KEY)
    monkeypatch.undo()
    assert taken == [None]
    assert partials.keys() == frozenset()
    partials.remove(KEY, missing_ok=True)


def test_what_a_kill_left_of_a_removal_can_be_cleared(partials, folder, tmp_path):
    """It waits for no run, and nothing else goes with it."""
    partials.park(folder())
    left = next(tmp_path.rglob("partial")).with_name("removed-shop.12345678")
    left.mkdir()
    (left / BODY).touch()
    partials.clear_removed()
    assert not left.exists()
    assert partials.keys() == {KEY}
