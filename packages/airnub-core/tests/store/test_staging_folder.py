"""Staging folders."""

import errno
import os
import signal
import subprocess
import sys
from contextlib import suppress

import pytest
from answers import answered, requested

from airnub_core.errors import ADVICE, AGAIN, StoreError
from airnub_core.store import staging_folder
from airnub_core.store.durability import is_untouched
from airnub_core.store.stager import Stager
from airnub_core.store.staging_folder import StagingFolder
from airnub_core.store.write_ahead_log import WriteAheadLog

HOLDER = """
import sys
from pathlib import Path
from airnub_core.store.staging_folder import StagingFolder

with StagingFolder(Path(sys.argv[1])) as staging:
    half = staging.folder / "own" / "1"
    half.mkdir(parents=True)
    (half / "body").write_bytes(b"half")
    print("ready", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def holder(tmp_path):
    """Another process that stages in the same place, until it is told or killed."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdout.readline() == b"ready\n"
    yield process
    process.kill()
    process.communicate()


def folders(parent):
    """Folders of processes in a staging place."""
    return [path for path in parent.iterdir() if path.is_dir()]


def files_in(folder):
    """All that lies in the folder of one of them."""
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def stage(staging):
    """A body is staged."""
    stager = Stager(staging.folder, "own")
    stager.stage(b"whole", answered(requested("http://h/a")), "name.csv")
    stager.close()


def test_nothing_is_left_when_the_block_ends(tmp_path):
    """Well or badly."""
    with StagingFolder(tmp_path) as staging:
        stage(staging)
    with suppress(KeyboardInterrupt), StagingFolder(tmp_path) as staging:
        stage(staging)
        raise KeyboardInterrupt
    assert folders(tmp_path) == []


def test_what_is_abandoned_is_left_to_the_next(tmp_path):
    """Who cannot say whether it is durable leaves it; whoever comes next is given it, and then it goes."""
    with StagingFolder(tmp_path) as staging:
        stage(staging)
        staging.abandon()
    given = []
    with StagingFolder(tmp_path, lambda folder: given.extend(files_in(folder))):
        pass
    assert given == ["lock", "own/1/name.csv", "own/1/name.csv.manifest.json"]
    assert folders(tmp_path) == []


def test_logs_are_left_to_the_next(tmp_path):
    """Marked, with all beside them; whoever comes next is given them, and then they go."""
    with StagingFolder(tmp_path) as staging:
        log = WriteAheadLog(staging.folder, "a")
        log.add("a/1", b"{}", b"x")
        log.flush()
        log.close()
    [left] = folders(tmp_path)
    assert {"lock", "redo/a-000001.log"} <= set(files_in(left)) <= {"lock", "redo/a-000001.log", "left"}
    assert is_untouched(left) == ("left" in files_in(left))
    given = []
    with StagingFolder(tmp_path, given.append):
        assert given == [left]
        assert not left.exists()
    assert folders(tmp_path) == []


def test_logs_of_who_failed_are_not_marked(tmp_path):
    """Whoever comes next is to read them."""
    with suppress(KeyboardInterrupt), StagingFolder(tmp_path) as staging:
        (staging.folder / "redo").mkdir()
        (staging.folder / "redo" / "a-000001.log").touch()
        raise KeyboardInterrupt
    [left] = folders(tmp_path)
    assert files_in(left) == ["lock", "redo/a-000001.log"]
    assert not is_untouched(left)


def with_log(staging):
    """Something that only a log makes durable."""
    log = WriteAheadLog(staging.folder, "a")
    log.add("a/1", b"{}", b"x")
    log.flush()
    log.close()


FAULTS = [errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS]


@pytest.mark.parametrize("code", FAULTS, ids=errno.errorcode.get)
def test_a_disk_that_takes_no_mark(tmp_path, monkeypatch, code):
    """An error of the store that says what to do; all is synced, so that neither logs nor a lock are left."""

    def leave(folder):
        raise OSError(code, os.strerror(code), str(folder / "left"))

    monkeypatch.setattr(staging_folder, "defer_sync", leave)
    with pytest.raises(StoreError) as error, StagingFolder(tmp_path) as staging:
        with_log(staging)
    assert f"{os.strerror(code)}; {ADVICE[code]}, then {AGAIN}; objects stored before are intact" in str(error.value)
    assert folders(tmp_path) == []
    with StagingFolder(tmp_path, lambda _folder: pytest.fail("nothing is left")):
        pass


@pytest.mark.parametrize("code", FAULTS, ids=errno.errorcode.get)
def test_a_disk_that_takes_neither_mark_nor_sync(tmp_path, monkeypatch, code):
    """The logs are needed, and stay for the next run, which finds them unlocked: also one in this process."""

    def refuse(folder, *_paths):
        raise OSError(code, os.strerror(code), str(folder))

    with monkeypatch.context() as broken:
        broken.setattr(staging_folder, "defer_sync", refuse)
        broken.setattr(staging_folder, "make_durable", refuse)
        with pytest.raises(StoreError, match=os.strerror(code)), StagingFolder(tmp_path) as staging:
            with_log(staging)
    given = []
    with StagingFolder(tmp_path, lambda folder: given.extend(files_in(folder))):
        pass
    assert given == ["lock", "redo/a-000001.log"]
    assert folders(tmp_path) == []


def test_a_mark_that_is_cut_is_none(tmp_path):
    """A limit on the size of files makes the write fail that follows the creation of the file."""
    code = f"""
import resource, sys
from pathlib import Path
from airnub_core.store.durability import defer_sync, syncs_at_once
resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
try:
    defer_sync(Path(sys.argv[1]))
except OSError as error:
    print(error.errno == {errno.EFBIG})
"""
    said = subprocess.run([sys.executable, "-c", code, tmp_path], capture_output=True, check=True).stdout
    if not said:
        pytest.skip("no marks are made on this system")
    assert said == b"True\n"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("fault", [OSError(errno.ENOSPC, "full"), StoreError("/store", "full"), KeyboardInterrupt()])
def test_what_cannot_be_recovered_leaves_no_folder_and_no_lock(tmp_path, fault):
    """The folder of the dead process waits for the next run; that of this one is gone."""
    with StagingFolder(tmp_path) as staging:
        stage(staging)
        staging.abandon()
    [dead] = folders(tmp_path)

    def recover(_folder):
        raise fault

    with pytest.raises(KeyboardInterrupt if isinstance(fault, KeyboardInterrupt) else StoreError):
        StagingFolder(tmp_path, recover).__enter__()
    assert folders(tmp_path) == [dead]
    given = []
    with StagingFolder(tmp_path, given.append):
        assert given == [dead]
    assert folders(tmp_path) == []


def test_the_folder_of_a_killed_process_is_removed(tmp_path, holder):
    """Whoever comes next takes away what `kill -9` left."""
    [left] = folders(tmp_path)
    os.kill(holder.pid, signal.SIGKILL)
    holder.wait()
    assert (left / "own" / "1" / "body").exists()
    with StagingFolder(tmp_path):
        assert not left.exists()
    assert folders(tmp_path) == []


def test_the_folder_of_a_living_process_is_left_alone(tmp_path, holder):
    """Two processes may stage at once."""
    [its] = folders(tmp_path)
    with StagingFolder(tmp_path) as staging:
        stage(staging)
        assert (its / "own" / "1" / "body").exists()
    assert folders(tmp_path) == [its]
    holder.communicate(b"")
    assert folders(tmp_path) == []


@pytest.mark.system
def test_processes_that_come_and_go(tmp_path):
    """None takes the folder of another for a dead one's, neither when it is made nor when it is removed."""
    code = """
import sys
from pathlib import Path
from airnub_core.store.staging_folder import StagingFolder

def take_up(folder):
    sys.exit(f"{folder} belongs to a process that lives")

for _ in range(60):
    with StagingFolder(Path(sys.argv[1]), take_up) as staging:
        (staging.folder / "half").write_bytes(b"half")
"""
    command = [sys.executable, "-c", code, str(tmp_path)]
    processes = [subprocess.Popen(command, stderr=subprocess.PIPE) for _ in range(4)]
    errors = [process.communicate()[1] for process in processes]
    assert errors == [b""] * 4
    assert folders(tmp_path) == []


def test_stray_files_are_no_harm(tmp_path):
    """Only folders belong to processes."""
    (tmp_path / "stray").write_text("x")
    with StagingFolder(tmp_path):
        pass
    assert (tmp_path / "stray").exists()


def test_a_place_that_cannot_be_written_is_an_error_of_the_store(tmp_path):
    """With its path."""
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StoreError, match="file"), StagingFolder(tmp_path / "file" / "staging"):
        pass
