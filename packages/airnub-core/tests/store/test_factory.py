"""Opening a store."""

import errno
import os
import shutil
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from unittest import mock

import pytest

from airnub_core import ContentStore, FileSource, Status, open_store, reindex, verify
from airnub_core.errors import StoreError
from airnub_core.sample_site import Reply
from airnub_core.store import durability, factory, objects, recovery
from airnub_core.store.factory import open_for_writing, open_index
from airnub_core.store.gc import collect
from airnub_core.store.index.sqlite import SqliteIndex
from airnub_core.store.manifest import url_digest
from airnub_core.store.write_ahead_log import logs_in

INDEX = ".airnub/index.sqlite"


@pytest.fixture
def source(site, run):
    """A source of two URLs that is in the store; its second run is all unchanged."""
    site.routes |= {"/a": Reply(b"a"), "/b": Reply(b"b")}
    files = FileSource(name="s", urls=[site.url("/a"), site.url("/b")])
    run(files)
    return files


def remove(root):
    """The index and what SQLite keeps beside it."""
    for path in (root / ".airnub").glob("index.sqlite*"):
        path.unlink()


def cut(root):
    """As after a power loss on a bad disk."""
    path = root / INDEX
    path.write_bytes(path.read_bytes()[:5000])


def fill_with_garbage(root):
    """No database at all."""
    remove(root)
    (root / INDEX).write_bytes(b"not a database " * 1000)


@pytest.mark.parametrize("harm", [remove, cut, fill_with_garbage])
def test_the_index_is_rebuilt_where_it_is_missing_or_damaged(tmp_path, site, run, source, harm):
    """The next run knows everything again and stores nothing twice."""
    harm(tmp_path)
    asked = len(site.asked)
    assert {outcome.kind for outcome in run(source)} == {Status.UNCHANGED}
    assert all("if-none-match" in one.headers for one in site.asked[asked:])


def test_a_damaged_index_is_kept_aside(tmp_path, run, source, caplog):
    """A warning names the damaged file, where it is kept, and what the index was rebuilt from; once."""
    fill_with_garbage(tmp_path)
    run(source)
    kept = tmp_path / ".airnub" / "damaged-index.sqlite"
    assert kept.read_bytes().startswith(b"not a database")
    reason = "the index cannot be used (file is not a database)"
    assert caplog.messages == [
        f"{tmp_path / INDEX}: {reason}; the file is kept as {kept}, and the index was rebuilt from 2 manifests"
    ]
    run(source)
    assert len(caplog.messages) == 1


@pytest.mark.parametrize(("place", "step"), [(factory, "verify"), (SqliteIndex, "rebuild")])
def test_a_damaged_index_that_cannot_be_rebuilt_yet(tmp_path, run, source, caplog, monkeypatch, place, step):
    """The warning comes all the same: the next run finds no index, and rebuilds it without one."""
    fill_with_garbage(tmp_path)
    with monkeypatch.context() as patched:
        patched.setattr(place, step, mock.Mock(side_effect=StoreError(str(tmp_path), "full")))
        with pytest.raises(StoreError, match="full"):
            run(source)
    [message] = caplog.messages
    assert message.endswith("damaged-index.sqlite, and the next run rebuilds the index from the manifests")
    assert {outcome.kind for outcome in run(source)} == {Status.UNCHANGED}


def test_damage_that_opening_does_not_see_is_mended_by_reindex(tmp_path, run, source):
    """Reindex never stands on what is there."""
    content = bytearray((tmp_path / INDEX).read_bytes())
    content[4096:] = b"\xff" * (len(content) - 4096)
    (tmp_path / INDEX).write_bytes(content)
    assert reindex(tmp_path).objects == 2
    assert {outcome.kind for outcome in run(source)} == {Status.UNCHANGED}


def test_a_damaged_object_does_not_come_into_a_rebuilt_index(tmp_path, site, run, source):
    """It is hashed before it is believed, so the next run fetches it again."""
    with open_store(tmp_path) as (_, index):
        [known] = index.find(url_digest(site.url("/a")))
    path = tmp_path / known.path
    path.write_bytes(b"")
    assert len(reindex(tmp_path).damaged) == 1
    first, second = run(source)
    assert (first.kind, second.kind) == (Status.STORED, Status.UNCHANGED)
    assert path.read_bytes() == b"a"


def test_a_store_is_created(tmp_path):
    """With all folders above it."""
    with open_store(tmp_path / "a" / "b") as (store, index):
        assert store.root.is_dir()
        assert index.current("s") == []
    assert reindex(tmp_path / "c").objects == 0


@pytest.mark.parametrize("opening", [reindex, lambda root: open_store(root).__enter__()])
def test_a_file_in_the_way_is_an_error_of_the_store(tmp_path, opening):
    """With its path."""
    (tmp_path / "store").write_text("x")
    with pytest.raises(StoreError, match="store"):
        opening(tmp_path / "store")


@pytest.mark.parametrize("opening", [open_store, open_for_writing])
def test_a_store_that_cannot_be_closed_is_an_error_of_the_store(tmp_path, monkeypatch, opening):
    """Not the raw error of the system; and what was staged is left to the next run."""

    def close(_store):
        raise OSError(errno.EIO, "Input/output error")

    with monkeypatch.context() as broken:
        broken.setattr(ContentStore, "close", close)
        with pytest.raises(StoreError, match="Input/output error; check the disk") as error, opening(tmp_path):
            pass
    assert error.value.path == str(tmp_path)
    with open_for_writing(tmp_path) as opened:
        assert staging_folders(tmp_path) == [opened.staging.folder]


def test_an_index_that_cannot_be_opened_is_left_where_it_is(tmp_path):
    """A folder in its place is no damage: nothing is renamed, and the run fails."""
    (tmp_path / INDEX).mkdir(parents=True)
    with pytest.raises(StoreError), open_store(tmp_path):
        pass
    assert (tmp_path / INDEX).is_dir()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_store_that_may_only_be_read_is_an_error_of_the_store(tmp_path, run, source):
    """The run fails clearly."""
    tmp_path.joinpath(".airnub").chmod(stat.S_IRUSR | stat.S_IXUSR)
    try:
        with pytest.raises(StoreError):
            run(source)
    finally:
        tmp_path.joinpath(".airnub").chmod(stat.S_IRWXU)


@pytest.fixture
def mount(monkeypatch):
    """A name for the mount of every folder; a list of which the only entry is that of now."""
    now = ["boot 1"]
    monkeypatch.setattr(durability, "mount_of", lambda _folder: now[0])
    if not durability.syncs_at_once():
        pytest.skip("only Linux can sync a whole file system")
    return now


@pytest.fixture
def logs_left(tmp_path, mount, monkeypatch, site, run):
    """A store of which a run has left the write-ahead logs; its source, and its index's rows."""
    monkeypatch.setattr(objects, "LEFT", 1)
    site.routes |= {f"/{number}": Reply(b"file %d" % number) for number in range(3)}
    files = FileSource(name="s", urls=[site.url(path) for path in site.routes])
    assert [outcome.kind for outcome in run(files)] == [Status.STORED] * 3
    [folder] = staging_folders(tmp_path)
    assert len(logs_in(folder)) == 1
    return files, rows_in(tmp_path)


def staging_folders(root):
    """Of processes, dead or alive."""
    return [path for path in (root / ".airnub" / "staging").iterdir() if path.is_dir()]


def rows_in(root):
    """What the index knows."""
    with open_store(root) as (_, index):
        return index.current("s")


def test_logs_of_few_are_not_left(tmp_path, run, source):
    """Their objects were made durable."""
    assert staging_folders(tmp_path) == []


def test_what_is_left_goes_unread_while_the_file_system_stays_mounted(tmp_path, logs_left, mount, monkeypatch):
    """After one sync of all."""
    synced = []
    monkeypatch.setattr(durability, "_sync_file_system", synced.append)
    monkeypatch.setattr(recovery, "read_log", lambda _log: pytest.fail("a log was read"))
    with open_for_writing(tmp_path) as opened:
        assert staging_folders(tmp_path) == [opened.staging.folder]
        assert synced
    assert staging_folders(tmp_path) == []
    assert rows_in(tmp_path) == logs_left[1]
    assert verify(ContentStore(tmp_path)).damaged == []


@pytest.mark.parametrize("mounted", ["boot 2", "another 1", None])
def test_what_is_left_makes_good_what_another_mount_has_not(tmp_path, logs_left, mount, run, site, mounted):
    """From the logs; nothing is fetched again."""
    files, rows = logs_left
    mount[0] = mounted
    (tmp_path / rows[0].path).write_bytes(b"")
    shutil.rmtree((tmp_path / rows[1].path).parent)
    with open_for_writing(tmp_path):
        assert verify(ContentStore(tmp_path)).damaged == []
    assert staging_folders(tmp_path) == []
    assert rows_in(tmp_path) == rows
    assert len(list(ContentStore(tmp_path).objects())) == 3
    assert {outcome.kind for outcome in run(files)} == {Status.UNCHANGED}
    assert all("if-none-match" in asked.headers for asked in site.asked[3:])


def test_what_is_left_with_an_index_that_was_lost_too(tmp_path, logs_left, mount):
    """What the logs hold is in the new one."""
    _, rows = logs_left
    mount[0] = "boot 2"
    remove(tmp_path)
    shutil.rmtree(tmp_path / "s")
    with open_for_writing(tmp_path):
        pass
    assert {(row.url, row.digest, row.path) for row in rows_in(tmp_path)} == {
        (row.url, row.digest, row.path) for row in rows
    }


@pytest.mark.parametrize("mounted", ["boot 1", "boot 2"])
def test_the_next_run_leaves_logs_of_its_own(tmp_path, logs_left, mount, run, site, mounted):
    """Those before are gone then: they do not gather."""
    files, _ = logs_left
    mount[0] = mounted
    before = staging_folders(tmp_path)
    site.routes |= {path: Reply(b"new " + path.encode()) for path in site.routes}
    assert {outcome.kind for outcome in run(files)} == {Status.UPDATED}
    [now] = staging_folders(tmp_path)
    assert [now] != before
    assert len(logs_in(now)) == 1


@pytest.mark.parametrize("mounted", ["boot 1", "boot 2"])
def test_collection_takes_up_what_is_left(tmp_path, logs_left, mount, mounted):
    """It is found, made needless, and gone; no object goes with it."""
    _, rows = logs_left
    mount[0] = mounted
    [folder] = staging_folders(tmp_path)
    name = folder.relative_to(tmp_path).as_posix()
    dry = collect(tmp_path, dry_run=True)
    assert ([(one.kind, one.path) for one in dry.found], dry.removed) == ([("staging", name)], [])
    assert folder.exists()
    assert [(one.kind, one.path) for one in collect(tmp_path).removed] == [("staging", name)]
    assert staging_folders(tmp_path) == []
    assert collect(tmp_path).found == []
    assert rows_in(tmp_path) == rows
    assert verify(ContentStore(tmp_path)).objects == 3


def test_what_the_index_did_not_take_is_in_the_logs(tmp_path, mount, monkeypatch, site, run):
    """A run that failed leaves them to be read: what it published is known to the next one, and not fetched again."""
    monkeypatch.setattr(objects, "LEFT", 0)
    site.routes |= {f"/{number}": Reply(b"file %d" % number) for number in range(3)}
    files = FileSource(name="s", urls=[site.url(path) for path in site.routes])

    def record(_index, *_rows):
        raise StoreError("the index", "full")

    with monkeypatch.context() as full:
        full.setattr(SqliteIndex, "record", record)
        with pytest.raises(StoreError, match="full"):
            run(files)
    assert {outcome.kind for outcome in run(files)} == {Status.UNCHANGED}
    assert all("if-none-match" in asked.headers for asked in site.asked[3:])


def test_what_is_left_by_a_run_that_failed_is_not_forgotten(tmp_path, mount, monkeypatch, site, run):
    """What was published stays known; what had come is published when it can be, and not fetched again."""
    monkeypatch.setattr(objects, "LEFT", 0)
    site.routes |= {f"/{number}": Reply(b"file %d" % number) for number in range(3)}
    files = FileSource(name="s", urls=[site.url(path) for path in site.routes])
    run(files)
    (tmp_path / "t").write_bytes(b"in the way")
    with pytest.raises(StoreError):
        run(FileSource(name="t", urls=files.urls))
    (tmp_path / "t").unlink()
    assert {outcome.kind for outcome in run(files)} == {Status.UNCHANGED}
    assert {outcome.kind for outcome in run(FileSource(name="t", urls=files.urls))} == {Status.UNCHANGED}
    assert verify(ContentStore(tmp_path)).objects == 6


def nothing(index):
    """Builds an index of a store without objects."""
    index.rebuild({})


def test_an_index_is_built_once(place, manifest):
    """From the manifests, where it is not yet; afterwards only when it is asked for."""
    index = open_index(place, lambda index: index.rebuild({"m": manifest("http://h/a", "1", 1)}))
    assert index.find(url_digest("http://h/a"))
    index.close()
    index = open_index(place, lambda _index: pytest.fail("it is built"))
    assert index.sources() == ["s"]
    index.close()
    index = open_index(place, nothing, anew=True)
    assert index.sources() == []
    index.close()


def test_one_builds_and_the_others_wait(place, manifest):
    """Several processes may start on a new store at once."""
    built = []

    def build(index):
        built.append(1)
        index.rebuild({"m": manifest("http://h/a", "1", 1)})

    def start(_):
        index = open_index(place, build)
        sources = index.sources()
        index.close()
        return sources

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(start, range(4))) == [["s"]] * 4
    assert built == [1]


def test_a_building_that_fails_leaves_the_index_unbuilt(place):
    """The next one tries again."""

    def fail(_index):
        raise StoreError("there", "no")

    with pytest.raises(StoreError, match="no"):
        open_index(place, fail)
    index = open_index(place, nothing)
    assert index.is_built
    index.close()


@pytest.mark.parametrize("url", ["mysql://me:s3cret@h/db", "me:s3cret@h", "postgresql:/me:s3cret"])
def test_another_kind_of_url_is_told(url):
    """Without its password."""
    with pytest.raises(StoreError, match="postgresql://") as error:
        open_index(url, nothing)
    assert "s3cret" not in str(error.value)


def test_a_missing_psycopg_is_told():
    """With what to install; SQLite needs none."""
    code = """
import sys
sys.modules["psycopg"] = None
from airnub_core.errors import StoreError
from airnub_core.store.factory import open_index
try:
    open_index("postgresql://me:s3cret@h/db", dict)
except StoreError as error:
    print(error)
"""
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert "install airnub-core[postgres]" in said
    assert "s3cret" not in said
