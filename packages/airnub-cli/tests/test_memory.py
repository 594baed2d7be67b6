"""Memory: what was kept is found again, and nothing else ever is."""

import os
import stat
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from airnub_cli import memory as module
from airnub_cli.memory import DAYS, NOTHING, Memory

VALUE = {"a": [1, "two", None]}


@pytest.fixture
def memory(tmp_path):
    return Memory(tmp_path / "cache")


def kept(memory):
    """The one file of an answer."""
    [path] = memory._folder.glob("*/*.json")
    return path


def test_what_is_kept_is_found_again(memory):
    """By kind and digest; under others there is nothing."""
    memory.keep("kind", "abc", VALUE)
    assert memory.recall("kind", "abc") == VALUE
    assert memory.recall("kind", "abd") is None
    assert memory.recall("other", "abc") is None


def test_another_machinery_knows_nothing(memory, monkeypatch):
    """With another version of anything that is installed all is found out anew."""
    memory.keep("kind", "abc", VALUE)
    monkeypatch.setattr(module, "machinery", lambda: "another")
    assert Memory(memory._folder).recall("kind", "abc") is None


@pytest.mark.parametrize("damage", [b"", b"x", b"0" * 64 + b"\n{}", b"\xff\xfe\n[1"])
def test_a_damaged_file_is_nothing_and_is_written_again(memory, damage):
    """Whatever is in it."""
    memory.keep("kind", "abc", VALUE)
    kept(memory).write_bytes(damage)
    assert memory.recall("kind", "abc") is None
    memory.keep("kind", "abc", VALUE)
    assert memory.recall("kind", "abc") == VALUE


def test_a_file_that_is_cut_off(memory):
    """The sum at its beginning does not fit."""
    memory.keep("kind", "abc", VALUE)
    content = kept(memory).read_bytes()
    for length in range(len(content)):
        kept(memory).write_bytes(content[:length])
        assert memory.recall("kind", "abc") is None


@pytest.mark.parametrize("value", [{1: "a number as key"}, (1, 2), {1, 2}, float("nan"), object()])
def test_what_json_would_change_is_not_kept(memory, value):
    """It would come back as something else."""
    memory.keep("kind", "abc", value)
    assert memory.recall("kind", "abc") is None


def test_nothing_is_remembered_without_a_folder_or_a_digest(memory):
    """Where it is not known what an answer came from, it is nobody's."""
    for one, digest in ((NOTHING, "abc"), (memory, None)):
        one.keep("kind", digest, VALUE)
        assert one.recall("kind", digest) is None
    assert not memory._folder.exists()


def test_a_folder_that_cannot_be_written(tmp_path):
    """Answers in it are read; new ones are lost without a word."""
    folder = tmp_path / "cache"
    Memory(folder).keep("kind", "abc", VALUE)
    blocked = tmp_path / "file"
    blocked.write_text("no folder")
    unwritable = Memory(blocked / "cache")
    unwritable.keep("kind", "abc", VALUE)
    assert unwritable.recall("kind", "abc") is None
    for path in (folder, folder / "kind"):
        path.chmod(stat.S_IRUSR | stat.S_IXUSR)
    try:
        Memory(folder).keep("kind", "abd", VALUE)
        assert Memory(folder).recall("kind", "abc") == VALUE
    finally:
        for path in (folder, folder / "kind"):
            path.chmod(stat.S_IRWXU)


def test_two_at_once(memory):
    """Whoever reads finds the whole answer or none."""
    values = [{"of": number, "more": "x" * 10_000} for number in range(8)]

    def work(number):
        memory.keep("kind", "abc", values[number])
        return memory.recall("kind", "abc")

    with ThreadPoolExecutor(8) as pool:
        assert all(found in values for found in pool.map(work, [*range(8)] * 10))


def test_what_nobody_asked_for_is_dropped(memory):
    """After a while; once a day is looked."""
    memory.keep("kind", "old", VALUE)
    old, long_ago = kept(memory), time.time() - (DAYS + 1) * 24 * 60 * 60
    os.utime(old, (long_ago, long_ago))
    memory.keep("kind", "new", VALUE)
    assert old.is_file()
    os.utime(memory._folder / "swept", (long_ago, long_ago))
    memory.keep("kind", "newer", VALUE)
    assert not old.is_file()
    assert memory.recall("kind", "new") == VALUE


def test_what_is_asked_for_stays(memory):
    """Being asked for makes it young."""
    memory.keep("kind", "abc", VALUE)
    long_ago = time.time() - (DAYS + 1) * 24 * 60 * 60
    os.utime(kept(memory), (long_ago, long_ago))
    memory.recall("kind", "abc")
    assert time.time() - kept(memory).stat().st_mtime < 60


def test_where_it_is(monkeypatch, tmp_path):
    """Where it is said, else where caches are; without a home nowhere."""
    monkeypatch.setenv("AIRNUB_CACHE", str(tmp_path / "said"))
    assert Memory.of_user()._folder == tmp_path / "said"
    monkeypatch.delenv("AIRNUB_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert Memory.of_user()._folder == tmp_path / "xdg" / "airnub"
