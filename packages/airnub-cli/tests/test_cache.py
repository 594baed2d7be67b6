"""Memory: what was kept is found again, and nothing else ever is."""

import os
import stat
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from airnub_cli import cache as module
from airnub_cli.cache import DAYS, NO_CACHE, Cache

VALUE = {"a": [1, "two", None]}


@pytest.fixture
def cache(tmp_path):
    return Cache(tmp_path / "cache")


def kept(cache):
    """The one file of an answer."""
    [path] = cache._folder.glob("*/*.json")
    return path


def test_what_is_kept_is_found_again(cache):
    """By kind and digest; under others there is nothing."""
    cache.put("kind", "abc", VALUE)
    assert cache.get("kind", "abc") == VALUE
    assert cache.get("kind", "abd") is None
    assert cache.get("other", "abc") is None


def test_another_machinery_knows_nothing(cache, monkeypatch):
    """With another version of anything that is installed all is found out anew."""
    cache.put("kind", "abc", VALUE)
    monkeypatch.setattr(module, "machinery", lambda: "another")
    assert Cache(cache._folder).get("kind", "abc") is None


@pytest.mark.parametrize("damage", [b"", b"x", b"0" * 64 + b"\n{}", b"\xff\xfe\n[1"])
def test_a_damaged_file_is_nothing_and_is_written_again(cache, damage):
    """Whatever is in it."""
    cache.put("kind", "abc", VALUE)
    kept(cache).write_bytes(damage)
    assert cache.get("kind", "abc") is None
    cache.put("kind", "abc", VALUE)
    assert cache.get("kind", "abc") == VALUE


def test_a_file_that_is_cut_off(cache):
    """The sum at its beginning does not fit."""
    cache.put("kind", "abc", VALUE)
    content = kept(cache).read_bytes()
    for length in range(len(content)):
        kept(cache).write_bytes(content[:length])
        assert cache.get("kind", "abc") is None


@pytest.mark.parametrize("value", [{1: "a number as key"}, (1, 2), {1, 2}, float("nan"), object()])
def test_what_json_would_change_is_not_kept(cache, value):
    """It would come back as something else."""
    cache.put("kind", "abc", value)
    assert cache.get("kind", "abc") is None


def test_nothing_is_remembered_without_a_folder_or_a_digest(cache):
    """Where it is not known what an answer came from, it is nobody's."""
    for one, digest in ((NO_CACHE, "abc"), (cache, None)):
        one.put("kind", digest, VALUE)
        assert one.get("kind", digest) is None
    assert not cache._folder.exists()


def test_a_folder_that_cannot_be_written(tmp_path):
    """Answers in it are read; new ones are lost without a word."""
    folder = tmp_path / "cache"
    Cache(folder).put("kind", "abc", VALUE)
    blocked = tmp_path / "file"
    blocked.write_text("no folder")
    unwritable = Cache(blocked / "cache")
    unwritable.put("kind", "abc", VALUE)
    assert unwritable.get("kind", "abc") is None
    for path in (folder, folder / "kind"):
        path.chmod(stat.S_IRUSR | stat.S_IXUSR)
    try:
        Cache(folder).put("kind", "abd", VALUE)
        assert Cache(folder).get("kind", "abc") == VALUE
    finally:
        for path in (folder, folder / "kind"):
            path.chmod(stat.S_IRWXU)


def test_two_at_once(cache):
    """Whoever reads finds the whole answer or none."""
    values = [{"of": number, "more": "x" * 10_000} for number in range(8)]

    def work(number):
        cache.put("kind", "abc", values[number])
        return cache.get("kind", "abc")

    with ThreadPoolExecutor(8) as pool:
        assert all(found in values for found in pool.map(work, [*range(8)] * 10))


def test_what_nobody_asked_for_is_dropped(cache):
    """After a while; once a day is looked."""
    cache.put("kind", "old", VALUE)
    old, long_ago = kept(cache), time.time() - (DAYS + 1) * 24 * 60 * 60
    os.utime(old, (long_ago, long_ago))
    cache.put("kind", "new", VALUE)
    assert old.is_file()
    os.utime(cache._folder / "swept", (long_ago, long_ago))
    cache.put("kind", "newer", VALUE)
    assert not old.is_file()
    assert cache.get("kind", "new") == VALUE


def test_what_is_asked_for_stays(cache):
    """Being asked for makes it young."""
    cache.put("kind", "abc", VALUE)
    long_ago = time.time() - (DAYS + 1) * 24 * 60 * 60
    os.utime(kept(cache), (long_ago, long_ago))
    cache.get("kind", "abc")
    assert time.time() - kept(cache).stat().st_mtime < 60


def test_where_it_is(monkeypatch, tmp_path):
    """Where it is said, else where caches are; without a home nowhere."""
    monkeypatch.setenv("AIRNUB_CACHE", str(tmp_path / "said"))
    assert Cache.of_user()._folder == tmp_path / "said"
    monkeypatch.delenv("AIRNUB_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert Cache.of_user()._folder == tmp_path / "xdg" / "airnub"
