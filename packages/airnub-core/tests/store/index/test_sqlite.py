"""What only the index in SQLite has: a file that is damaged, another program's, or of an earlier version."""

import json
import lzma
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from airnub_core.errors import DamagedIndexError, StoreError
from airnub_core.store.index import Failure, Missed, Run, Scope, SqliteIndex, Standing, Version
from airnub_core.store.index.sqlite import VERSION
from airnub_core.store.manifest import url_digest
from airnub_core.store.withdrawal import Withdrawal

VERSION_1 = """
CREATE TABLE url (
    source TEXT NOT NULL, url_digest TEXT NOT NULL, url TEXT NOT NULL, digest TEXT NOT NULL, path TEXT NOT NULL,
    size INTEGER NOT NULL, manifest TEXT NOT NULL, etag TEXT, last_modified TEXT, checked_at TEXT NOT NULL,
    changed_at TEXT NOT NULL, PRIMARY KEY (source, url_digest)
) WITHOUT ROWID;
CREATE TABLE version (
    source TEXT NOT NULL, url_digest TEXT NOT NULL, seen_at TEXT NOT NULL, digest TEXT NOT NULL, manifest TEXT NOT NULL,
    PRIMARY KEY (source, url_digest, seen_at, digest)
) WITHOUT ROWID;
CREATE TABLE watermark (source TEXT PRIMARY KEY, value TEXT NOT NULL, moved_at TEXT NOT NULL) WITHOUT ROWID;
"""


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


@pytest.mark.parametrize("built", [True, False])
def test_version_1_is_brought_to_this_one(tmp_path, known, built):
    """Nothing is lost: rows, the states before, watermarks, and whether it was built."""
    path = tmp_path / "index.sqlite"
    states = [known(digit="1", day=1), known(digit="2", day=2), known(digit="1", day=3)]
    rows = [states[-1], *(known(f"http://h/{number}", source="t") for number in range(100))]
    old = sqlite3.connect(path)
    old.executescript(VERSION_1)
    old.executemany(f"INSERT INTO url VALUES ({', '.join('?' * 11)})", rows)
    old.executemany(
        "INSERT INTO version VALUES (?, ?, ?, ?, ?)",
        [(row.source, row.url_digest, row.changed_at, row.digest, row.manifest) for row in (*states, *rows[1:])],
    )
    old.execute("INSERT INTO watermark VALUES ('s', '7', 'then')")
    old.execute(f"PRAGMA user_version = {1 if built else 0}")
    old.commit()
    old.close()
    for _ in range(2):
        index = SqliteIndex(path)
        assert index.is_built == built
        assert (index.watermark("s"), index.sources()) == ("7", ["s", "t"])
        assert index.lookup("t", [row.url_digest for row in rows]) == {row.url_digest: row for row in rows[1:]}
        assert index.versions("s", states[0].url_digest) == [
            Version(row.changed_at, row.digest, row.manifest) for row in states
        ]
        assert len(index.versions("t", url_digest("http://h/7"))) == 1
        index.close()


VERSION_2 = """
DROP INDEX known_withdrawn;
DROP INDEX known_unwritten;
DROP TRIGGER changed;
ALTER TABLE known DROP COLUMN withdrawn_at;
ALTER TABLE known DROP COLUMN unwritten;
DROP TABLE missing;
CREATE TRIGGER changed AFTER UPDATE OF digest ON known WHEN OLD.digest <> NEW.digest BEGIN
    INSERT INTO history (id, seen_at, digest, manifest)
    VALUES (OLD.id, OLD.changed_at, OLD.digest, OLD.manifest);
END;
"""
"""Makes of the tables of this version those of the one before."""


@pytest.mark.parametrize("built", [True, False])
def test_version_2_is_brought_to_this_one(tmp_path, known, built):
    """In place, with all that it holds; and URLs can be withdrawn then."""
    path = tmp_path / "index.sqlite"
    row = known(digit="2", day=2)
    index = SqliteIndex(path)
    index.record([known(), known("http://h/b")])
    index.record([row], [known()])
    index.close()
    old = sqlite3.connect(path)
    old.create_function("key_of", 1, lambda digest: int(digest[:15], 16), deterministic=True)
    old.executescript(VERSION_2)
    old.execute(f"PRAGMA user_version = {2 if built else 0}")
    old.commit()
    old.close()
    for _ in range(2):
        index = SqliteIndex(path)
        assert (index.is_built, index.current("s")) == (built, [row, known("http://h/b")])
        index.close()
    index = SqliteIndex(path)
    assert index.withdraw([Withdrawal("s", row.url_digest, row.url, row.checked_at, "gone")]) == [True]
    assert index.current("s") == [known("http://h/b")]
    assert [version.digest[-1] for version in index.versions("s", row.url_digest)] == ["1", "2"]
    index.close()


def test_a_later_version_is_refused(tmp_path):
    """It is whole, so it is neither set aside nor written."""
    path = tmp_path / "index.sqlite"
    SqliteIndex(path).close()
    later = sqlite3.connect(path)
    later.execute(f"PRAGMA user_version = {VERSION + 1}")
    later.close()
    with pytest.raises(StoreError, match="expected an index of version 4, found 5") as error:
        SqliteIndex(path)
    assert not isinstance(error.value, DamagedIndexError)


VERSION_3 = Path(__file__).with_name("version_3.sqlite.xz")
"""Written by the code of version 3: 60 keys in its large tree, 2 in its small one; history, withdrawals, a note, a
run and a watermark.
"""


def written_by_version_3(path):
    path.write_bytes(lzma.decompress(VERSION_3.read_bytes()))


def assert_as_version_3_wrote(index, known):
    """All that the file held, through the methods of this version."""
    urls = [f"http://h/{number}" for number in range(60)]
    rows = index.lookup("s", [url_digest(url) for url in urls])
    assert len(rows) == 58
    assert rows[url_digest("http://h/1")].digest == "sha256:" + "2" * 64
    assert rows[url_digest("http://h/2")].checked_at == "2026-01-02T00:00:00+00:00"
    assert index.find(url_digest("http://h/0")) == [
        rows[url_digest("http://h/0")], rows[url_digest("http://h/0")]._replace(
            source="t", path="t/11/" + "1" * 64 + "/a.csv", manifest="t/11/" + "1" * 64 + "/a.csv.manifest.json"
        )
    ]  # fmt: skip
    assert list(index.lookup("s", [url_digest("http://h/new")])) == [url_digest("http://h/new")]
    assert [version.digest[-1] for version in index.versions("s", url_digest("http://h/1"))] == ["1", "2"]
    assert [row.url for row, _ in index.withdrawn("s")] == ["http://h/3", "http://h/4"]
    assert [one.url for one in index.unwritten()] == ["http://h/4"]
    assert (index.is_built, index.watermark("s"), index.count("s")) == (True, "7", 59)
    assert index.last_runs(Scope.SOURCE)["s"].failures == [Failure("http://h/9", "HttpStatusError")]


def test_version_3_is_brought_to_this_one(tmp_path, known):
    """One tree of keys instead of two, with all that the file held; it goes on with new URLs and a second miss."""
    path = tmp_path / "index.sqlite"
    written_by_version_3(path)
    for _ in range(2):
        index = SqliteIndex(path)
        assert_as_version_3_wrote(index, known)
        index.close()
    reading = sqlite3.connect(path)
    tables = {name for (name,) in reading.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    assert tables == {"known", "url_key", "history", "watermark", "missing", "last_run"}
    assert reading.execute("SELECT count(*) FROM url_key").fetchone() == (62,)
    assert reading.execute("PRAGMA user_version").fetchone() == (VERSION,)
    reading.close()
    index = SqliteIndex(path)
    again = Missed("s", url_digest("http://h/5"))
    assert index.miss(Run("r2", "2999-01-01T00:00:00+00:00"), [again]) == [Standing.MISSED_BEFORE]
    index.record([known("http://h/newer")])
    assert index.lookup("s", [url_digest("http://h/newer")]) == {url_digest("http://h/newer"): known("http://h/newer")}
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


# A child that is killed before its n-th statement.
DYING = """
import json, os, signal, sqlite3, sys
from datetime import UTC, datetime
from pathlib import Path
from airnub_core.store.index import SqliteIndex
from airnub_core.store.manifest import Manifest, url_digest

class Dying(sqlite3.Connection):
    left = None
    def execute(self, *arguments):
        self.step()
        return super().execute(*arguments)
    def executemany(self, *arguments):
        self.step()
        return super().executemany(*arguments)
    def step(self):
        if Dying.left is not None:
            Dying.left -= 1
            if Dying.left < 0:
                os.kill(os.getpid(), signal.SIGKILL)

connect = sqlite3.connect
sqlite3.connect = lambda *arguments, **options: connect(*arguments, factory=Dying, **options)
path = Path(sys.argv[1])
"""

# Opens an index of version 3 in a child, which is killed; n grows until the child ends by itself. Printed is how each
# child ended, and whether the file was of this version then.
DYING_MIGRATION = (
    DYING
    + """
written = path.read_bytes()
for left in range(200):
    for file in path.parent.glob(path.name + "*"):
        file.unlink()
    path.write_bytes(written)
    child = os.fork()
    if not child:
        Dying.left = left
        SqliteIndex(path)
        os._exit(0)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    reading = connect(path)
    version = reading.execute("PRAGMA user_version").fetchone()[0]
    keys = reading.execute("SELECT count(*) FROM " + ("url_key" if version > 3 else "settled")).fetchone()[0]
    reading.close()
    index = SqliteIndex(path)
    print(json.dumps([status, version, keys, len(index.current("s")), index.count("t")]), flush=True)
    index.close()
    if status == 0:
        break
"""
)


def test_a_migration_that_is_killed_leaves_the_file_of_before(tmp_path):
    """At each of its statements in turn; the next process brings it to this version, with all that it held."""
    path = tmp_path / "index.sqlite"
    written_by_version_3(path)
    done = subprocess.run(
        [sys.executable, "-c", DYING_MIGRATION, str(path)], capture_output=True, text=True, check=True
    )
    *killed, last = map(json.loads, done.stdout.splitlines())
    assert len(killed) > 12
    before, after = [-9, 3, 60, 59, 1], [-9, VERSION, 62, 59, 1]
    assert killed == [before] * killed.count(before) + [after] * killed.count(after)
    assert last == [0, VERSION, 62, 59, 1]


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
