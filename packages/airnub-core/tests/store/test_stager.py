"""The stager."""

import shutil
from contextlib import closing
from pathlib import Path

import pytest
from answers import answered, requested

from airnub_common import digest_of, sha256_hex
from airnub_core.errors import StoreError
from airnub_core.store.layout import Staged
from airnub_core.store.manifest import Manifest, url_digest
from airnub_core.store.partials import BODY, NOTE
from airnub_core.store.stager import Stager
from airnub_core.store.write_ahead_log import logs_in, read_log

URL = "http://h/a"
RECEIVED = answered(requested(URL), headers={"content-type": "text/csv"})
HOSTILE = "../../x.manifest.json"


@pytest.fixture
def stager(tmp_path):
    """One in the test's own folder."""
    with closing(Stager(tmp_path, "a")) as made:
        yield made


def in_file(stager, content, original="name.csv", received=RECEIVED):
    """Stage a body that was written to a file."""
    folder = Path(stager.new_folder())
    folder.mkdir()
    (folder / BODY).write_bytes(content)
    (folder / NOTE).write_bytes(b"{}")
    return stager.stage_file(str(folder), len(content), sha256_hex(content), received, original)


def in_memory(stager, content, original="name.csv", received=RECEIVED):
    """Stage a body that is in memory."""
    return stager.stage(content, received, original)


@pytest.mark.parametrize("stage", [in_memory, in_file])
@pytest.mark.parametrize("content", [b"", b"one two"])
def test_bytes_and_manifest_lie_alone_in_a_folder(stager, tmp_path, stage, content):
    """Which says size and digest; nothing that was noted of a partial file is left."""
    staged = stage(stager, content)
    folder = tmp_path / "a" / "1"
    assert staged == Staged(str(folder), "s", "name.csv", sha256_hex(content), len(content), url_digest(URL))
    assert sorted(path.name for path in folder.iterdir()) == ["name.csv", "name.csv.manifest.json"]
    assert (folder / "name.csv").read_bytes() == content
    manifest = Manifest.read(folder / "name.csv.manifest.json")
    assert (manifest.digest, manifest.size, manifest.content_type) == (digest_of(content), len(content), "text/csv")


@pytest.mark.parametrize("name", [BODY, NOTE, f"{NOTE}.new"])
@pytest.mark.parametrize("stage", [in_memory, in_file])
def test_a_file_may_be_called_as_what_is_noted_of_a_partial_one(stager, tmp_path, stage, name):
    """Its bytes are there, under that name."""
    staged = stage(stager, b"one two", name)
    assert staged.file_name == name
    assert sorted(path.name for path in (tmp_path / "a" / "1").iterdir()) == [name, f"{name}.manifest.json"]
    assert Path(staged.folder, name).read_bytes() == b"one two"


@pytest.mark.parametrize("stage", [in_memory, in_file])
def test_a_hostile_name_stays_in_its_folder(stager, stage):
    """The manifest keeps the original."""
    staged = stage(stager, b"x", HOSTILE)
    [body] = [path for path in Path(staged.folder).iterdir() if path.suffix != ".json"]
    assert body.name == staged.file_name
    assert Manifest.read(body.with_name(f"{body.name}.manifest.json")).original_file_name == HOSTILE


def test_what_it_was_made_from_is_in_the_manifest(stager):
    """For an object made from others."""
    staged = stager.stage(b"x", RECEIVED, "made.csv", (f"sha256:{'0' * 64}",))
    assert Manifest.read(Path(staged.folder, "made.csv.manifest.json")).derived_from == (f"sha256:{'0' * 64}",)


@pytest.mark.parametrize("is_logged", [False, True])
def test_bodies_in_memory_are_logged(tmp_path, is_logged):
    """Where the store takes logs, when it is flushed; those in files are not."""
    with closing(Stager(tmp_path, "b", is_logged=is_logged)) as stager:
        first, second = in_memory(stager, b"small"), in_file(stager, b"large")
        assert logs_in(tmp_path) == []
        stager.flush()
    logged = [(tmp_path / one.folder, one.content) for log in logs_in(tmp_path) for one in read_log(log)]
    assert logged == ([(Path(first.folder), b"small")] if is_logged else [])
    assert (first.is_logged, second.is_logged) == (is_logged, False)


def test_who_comes_later_has_a_folder_of_its_own(tmp_path):
    """Though it is called the same."""
    stagers = [Stager(tmp_path, "a") for _ in range(3)]
    assert [Path(in_memory(one, b"x").folder).relative_to(tmp_path).as_posix() for one in stagers] == [
        "a/1",
        "a2/1",
        "a3/1",
    ]
    for one in stagers:
        one.close()


def test_a_store_that_was_removed(tmp_path):
    """It is an error of the disk while something is staged, and of the store before and when logs are flushed."""
    stager = Stager(tmp_path / "..", "a", is_logged=True)
    in_memory(stager, b"x")
    shutil.rmtree(stager.folder)
    with pytest.raises(FileNotFoundError):
        in_memory(stager, b"x")
    stager.close()
    with pytest.raises(StoreError, match="none"):
        Stager(tmp_path / "none", "a")
