"""Results."""

import pytest

from airnub_common import digest_of
from airnub_core import Outcome, Status
from airnub_core.errors import StoreError
from airnub_core.output_files import remove_result, write_result


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
