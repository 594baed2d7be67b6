"""The verification of a program's result."""

import pytest

from benchmarks.ingest.job import Job, WrongResultError, check_folder
from benchmarks.ingest.sets import Shape, made


@pytest.fixture
def job(tmp_path):
    """A job whose files are already in its folder."""
    files = made(tmp_path / "sets", Shape("tiny", 3, 2_000))
    return Job(files, "http://127.0.0.1:1", 1, tmp_path / "sets" / "tiny", tmp_path)


def test_the_right_files_pass(job):
    """Files pass in any folder, and with manifests next to them if manifests are ignored."""
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
    """Missing, damaged and unexpected files are reported."""
    damage(job.folder / "000001.bin")
    with pytest.raises(WrongResultError, match="expected 3 files of 2000 bytes"):
        check_folder(job.folder, job)


def test_sets_are_the_same_everywhere(tmp_path):
    """Files are the same on every machine, and no two files are equal."""
    first, second = (made(tmp_path / name, Shape("tiny", 3, 2_000)) for name in ("one", "two"))
    assert first == second
    assert len(set(first.digests.values())) == 3
