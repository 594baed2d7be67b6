"""What only the index in SQLite has: a file that is damaged, another program's, or of an earlier version."""

import json
import sqlite3
import subprocess
import sys
from types import SimpleNamespace

import pytest
from dying import DYING

from airnub_core.errors import DamagedIndexError, StoreError
from airnub_core.store.index import SqliteIndex


@pytest.mark.parametrize("content", [b"garbage" * 1000, b"SQLite format 3\0" + b"\xff" * 4096])
def test_garbage_is_a_damaged_index(tmp_path, content):
    """And nothing keeps the file open afterwards."""
    path = tmp_path / "index.sqlite"
    path.write_bytes(content)
    with pytest.raises(DamagedIndexError, match=r"store reindex") as error:
        SqliteIndex(path)
    assert error.value.path == str(path)


def test_another_programs_database_is_a_damaged_index(tmp_path):
    """It is not written to."""
    path = tmp_path / "index.sqlite"
    other = sqlite3.connect(path)
    other.execute("CREATE TABLE url (address TEXT)")
    other.close()
    with pytest.raises(DamagedIndexError):
        SqliteIndex(path)


def test_damage_in_the_middle_is_told_when_it_is_met(tmp_path, known):
    """As an error of the store, not of SQLite."""
    path = tmp_path / "index.sqlite"
    index = SqliteIndex(path)
    rows = [known(f"http://h/{number}") for number in range(500)]
    index.record(rows)
    index.close()
    content = bytearray(path.read_bytes())
    content[4096 * 4 :] = b"\xff" * (len(content) - 4096 * 4)
    path.write_bytes(content)
    index = SqliteIndex(path)
    with pytest.raises(DamagedIndexError):
        index.current("s")
    index.close()


def test_what_is_wrong_with_the_disk_is_no_damage(tmp_path):
    """A folder in the file's place: an error of the store, and nothing is set aside for it."""
    (tmp_path / "index.sqlite").mkdir()
    with pytest.raises(StoreError) as error:
        SqliteIndex(tmp_path / "index.sqlite")
    assert not isinstance(error.value, DamagedIndexError)


def test_an_io_error_on_a_full_disk_names_the_disk(tmp_path, monkeypatch):
    """SQLite has no message of its own if the file of its shared memory cannot grow."""
    index = SqliteIndex(tmp_path / "index.sqlite")

    def fail(tables):
        error = sqlite3.OperationalError("disk I/O error")
        error.sqlite_errorcode = sqlite3.SQLITE_IOERR_SHMSIZE
        raise error

    with pytest.raises(StoreError, match="check the disk and the kernel's log"):
        index._transactions.run(fail)
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=0))
    with pytest.raises(StoreError, match="free space, or inodes, on its file system"):
        index._transactions.run(fail)
    index.close()


def test_keys_are_found_among_many(tmp_path, known):
    """Old ones, new ones and those whose rows have changed."""
    index = SqliteIndex(tmp_path / "index.sqlite")
    rows = [known(f"http://h/{number}") for number in range(20_000)]
    index.record(rows)
    new = known("http://h/new")
    index.record([new, rows[7]._replace(size=9)])
    found = index.lookup("s", [new.url_digest, rows[7].url_digest, rows[8].url_digest])
    assert found == {new.url_digest: new, rows[7].url_digest: rows[7]._replace(size=9), rows[8].url_digest: rows[8]}
    index.close()


# Rebuilds the index of a folder in a child, which is killed before its n-th statement; n grows until the child ends by
# itself. Printed is what each child left: whether it counts as built, and its URLs.
DYING_REBUILD = (
    DYING
    + """
url = "http://h/new"
manifest = Manifest(
    source="s", url=url, url_digest=url_digest(url), final_url=url, path="s/7", file_name="a", original_file_name="a",
    digest="sha256:" + "7" * 64, size=1, headers={}, fetched_at=datetime(2026, 1, 9, tzinfo=UTC),
)
for left in range(200):
    child = os.fork()
    if not child:
        index = SqliteIndex(path)
        Dying.left = left
        index.rebuild({"s/7.manifest.json": manifest})
        os._exit(0)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    index = SqliteIndex(path)
    print(json.dumps([status, index.is_built, [row.url for row in index.current("s")]]), flush=True)
    index.close()
    if status == 0:
        break
"""
)


@pytest.mark.parametrize("built", [True, False])
def test_a_rebuild_that_is_killed_leaves_the_index_of_before(tmp_path, known, built):
    """At each of its statements in turn; one that did not get through never counts as built."""
    path = tmp_path / "index.sqlite"
    index = SqliteIndex(path)
    if built:
        index.rebuild({})
    index.record([known()])
    index.close()
    done = subprocess.run([sys.executable, "-c", DYING_REBUILD, str(path)], capture_output=True, text=True, check=True)
    *killed, last = map(json.loads, done.stdout.splitlines())
    assert len(killed) > 5
    before, after = [-9, built, ["http://h/a"]], [-9, True, ["http://h/new"]]
    assert killed == [before] * killed.count(before) + [after] * killed.count(after)
    assert last == [0, True, ["http://h/new"]]


def test_each_commit_waits_for_the_disk(tmp_path, monkeypatch):
    """With a write-ahead log that is only `NORMAL`, a power loss would take what was reported as stored."""
    opened, connect = [], sqlite3.connect

    def recorded(*arguments, **options):
        opened.append(connect(*arguments, **options))
        return opened[-1]

    monkeypatch.setattr(sqlite3, "connect", recorded)
    index = SqliteIndex(tmp_path / "index.sqlite")
    [connection] = opened
    assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert connection.execute("PRAGMA synchronous").fetchone() == (2,)  # FULL
    index.close()
