"""The check that a program did its job."""

import pytest

from benchmarks.ingest.job import Job, WrongResultError, check_folder
from benchmarks.ingest.sets import Shape, made


@pytest.fixture
def job(tmp_path):
    """A job whose files lie in its folder already."""
    files = made(tmp_path / "sets", Shape("tiny", 3, 2_000))
    return Job(files, "http://127.0.0.1:1", 1, tmp_path / "sets" / "tiny", tmp_path)


def test_the_right_files_pass(job):
    """Wherever they lie, and with manifests beside them if those are to be left out."""
    (job.folder / "deeper").mkdir()
    (job.folder / "000001.bin").rename(job.folder / "deeper" / "other")
    (job.folder / "other.manifest.json").write_text("{}")
    check_folder(job.folder, job, ignoring=[".manifest.json"])


@pytest.mark.parametrize(
    "damage",
    [
        lambda file: file.write_bytes(file.read_bytes()[:-1]),
        lambda file: file.write_bytes(b"?" + file.read_bytes()[1:]),
        lambda file: file.unlink(),
        lambda file: file.with_name("copy").write_bytes(file.read_bytes()),
    ],
    ids=["truncated", "other bytes", "missing", "twice"],
)
def test_wrong_files_are_told(job, damage):
    """Nothing that is not exactly the set passes."""
    damage(job.folder / "000001.bin")
    with pytest.raises(WrongResultError, match="expected 3 files of 2000 bytes"):
        check_folder(job.folder, job)


def test_sets_are_the_same_everywhere(tmp_path):
    """Two machines make the same bytes, and no two files are equal."""
    first, second = (made(tmp_path / name, Shape("tiny", 3, 2_000)) for name in ("one", "two"))
    assert first == second
    assert len(set(first.digests.values())) == 3
