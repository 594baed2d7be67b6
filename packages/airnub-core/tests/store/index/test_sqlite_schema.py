"""The tables of the index in SQLite: those of earlier versions are brought to this one."""

import json
import lzma
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from dying import DYING

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
