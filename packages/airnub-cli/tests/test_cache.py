"""Fingerprints: another one for every change of what importing a department does, and the same for all others.
Memory: what was kept is found again, and nothing else ever is.
"""

import os
import stat
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from airnub_cli import cache as module
from airnub_cli.cache import DAYS, NO_CACHE, Cache, Fingerprints, machinery, read_content
from airnub_cli.workspace import Workspace


@pytest.fixture
def top(checkout, monkeypatch):
    """Asks for the fingerprint of the department, which stands on `middle` and that on `base`."""
    for folder in ("packages/base", "packages/middle", "departments/top_one"):
        monkeypatch.syspath_prepend(checkout / folder / "src")

    def ask(*more):
        workspace = Workspace.around(checkout)
        return Fingerprints(workspace).of(workspace.named("top_one"), *more)

    return ask


@pytest.mark.parametrize(
    "path",
    [
        "departments/top_one/src/top_one/__init__.py",
        "departments/top_one/src/top_one/new.py",
        "departments/top_one/src/top_one/data/urls.txt",
        "packages/middle/src/middle/__init__.py",
        "packages/base/src/base/deep/new.py",
    ],
)
def test_sources_of_all_that_it_stands_on(top, checkout, path):
    """Be they edited, added or removed."""
    before = top()
    assert before == top()
    file = checkout / path
    was = file.read_bytes() if file.is_file() else None
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("changed = 1\n")
    assert top() != before
    file.unlink() if was is None else file.write_bytes(was)
    assert top() == before


@pytest.mark.parametrize(
    "path",
    [
        "departments/top_one/README.md",
        "departments/top_one/tests/test_it.py",
        "departments/top_one/src/top_one/__pycache__/x.pyc",
    ],
)
def test_what_is_not_imported(top, checkout, path):
    """It changes nothing."""
    before = top()
    file = checkout / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("changed = 1\n")
    assert top() == before


def test_another_text(top):
    """What is said to decide as well."""
    assert top("a") != top("b")


def test_the_environment_of_those_that_look_at_it(top, checkout, monkeypatch):
    """No other department has another fingerprint in another shell."""
    before = top()
    monkeypatch.setenv("SOMETHING", "1")
    assert top() == before
    (checkout / "packages/base/src/base/__init__.py").write_text("import os\nWHAT = os.environ.get('SOMETHING')\n")
    first = top()
    monkeypatch.setenv("SOMETHING", "2")
    assert top() != first


def test_links_and_what_is_not_installed_are_not_known(top, checkout):
    """What cannot be seen as a whole has no fingerprint."""
    assert top() is not None
    (checkout / "packages/base/src/base/link.py").symlink_to(checkout / "pyproject.toml")
    assert top() is None
    (checkout / "packages/base/src/base/link.py").unlink()
    (checkout / "packages/base/src/base/__init__.py").unlink()
    assert top() is None


def test_what_python_finds_first_counts(top, checkout, tmp_path_factory, monkeypatch):
    """Sources that nobody imports decide nothing."""
    before = top()
    elsewhere = tmp_path_factory.mktemp("installed")
    (elsewhere / "base").mkdir()
    (elsewhere / "base" / "__init__.py").write_text("other = 1\n")
    monkeypatch.syspath_prepend(elsewhere)
    other = top()
    assert other != before
    (checkout / "packages/base/src/base/__init__.py").write_text("changed = 1\n")
    assert top() == other


def test_machinery(monkeypatch, tmp_path):
    """Versions of what is installed, and what is said to us and to Prefect; but not where answers are kept."""
    before = machinery()
    monkeypatch.setenv("AIRNUB_CACHE", "elsewhere")
    monkeypatch.setenv("SOMETHING", "1")
    assert machinery() == before
    monkeypatch.setenv("PREFECT_SOMETHING", "1")
    assert machinery() != before
    monkeypatch.delenv("PREFECT_SOMETHING")
    (tmp_path / "prefect-99.0.dist-info").mkdir()
    monkeypatch.syspath_prepend(tmp_path)
    assert machinery() != before


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


@pytest.mark.parametrize("name", ["PYTHONPATH", "VIRTUAL_ENV"])
def test_where_packages_are_does_not_count(top, checkout, monkeypatch, name):
    """`airnub new` compiles a copy with a path of its own: the same sources are found, and are not imported again."""
    (checkout / "packages/base/src/base/__init__.py").write_text("import os\nWHAT = os.environ.get('SOMETHING')\n")
    before = top()
    monkeypatch.setenv(name, "/somewhere")
    assert top() == before
    monkeypatch.setenv("SOMETHING_ELSE", "/somewhere")
    assert top() != before


def test_a_package_that_may_hide_an_installed_one_counts(top, tmp_path, monkeypatch):
    """A checkout on PYTHONPATH has no .dist-info."""
    before = top()
    (tmp_path / "fork" / "polars").mkdir(parents=True)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "fork"))
    monkeypatch.syspath_prepend(tmp_path / "fork")
    assert top() != before


def test_a_file_is_read_again_after_any_change(tmp_path):
    """Also one of the same size, with the time that it had before, or soon after it was read."""
    path = tmp_path / "a.py"
    path.write_text("a = 1\n")
    os.utime(path, (1, 1))
    first = read_content(str(path))
    assert read_content(str(path)) == first
    assert not first.looks
    path.write_text("a = 2\n")
    second = read_content(str(path))
    os.utime(path, (1, 1))
    assert first.digest != second.digest == read_content(str(path)).digest
    path.write_text("import os\nos.environ\n")
    assert read_content(str(path)).looks


def test_an_unchanged_file_is_read_once(tmp_path, monkeypatch):
    """In one process, once its time is old enough to tell a change from it."""
    path = tmp_path / "a.py"
    path.write_text("a = 1\n")
    monkeypatch.setattr(module, "_SETTLED", -1)
    first = read_content(str(path))
    monkeypatch.setattr(module, "open", lambda *_: pytest.fail("read again"), raising=False)
    assert read_content(str(path)) is first
