"""The redo log."""

import errno
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airnub_core.store import write_ahead_log
from airnub_core.store.write_ahead_log import LOGS, LogEntry, WriteAheadLog, continued, logs_in, read_log

ENTRIES = [LogEntry(f"a/{number}", b"{\n%d}\n" % number, b"body\n" * number) for number in range(4)]


@pytest.fixture
def log(tmp_path):
    """A log that is begun."""
    begun = WriteAheadLog(tmp_path, "a")
    yield begun
    begun.close()


def write(log, entries):
    """Append entries, all of them at once."""
    for entry in entries:
        log.add(*entry)
    log.flush()


def entries_in(staging):
    """All entries of all logs."""
    return [entry for log in logs_in(staging) for entry in read_log(log)]


def names(logs):
    """Without their folder."""
    return [Path(log).name for log in logs]


def test_what_was_appended_is_read(log, tmp_path):
    """In its order, whether it was written together or one by one."""
    write(log, ENTRIES[:2])
    write(log, ENTRIES[2:3])
    write(log, ENTRIES[3:])
    assert entries_in(tmp_path) == ENTRIES
    assert names(logs_in(tmp_path)) == ["a-000001.log"]


@given(st.lists(st.tuples(st.binary(), st.binary())))
def test_whatever_bytes_there_are(tmp_path_factory, bodies):
    """Line ends and nothing at all among them."""
    staging = tmp_path_factory.mktemp("staging")
    log = WriteAheadLog(staging, "a")
    entries = [LogEntry(f"a/{number}", *body) for number, body in enumerate(bodies)]
    write(log, entries)
    log.close()
    assert entries_in(staging) == entries


def test_nothing_is_written_before_the_flush(log, tmp_path):
    """And no file is made for nothing."""
    log.flush()
    log.add(*ENTRIES[0])
    assert logs_in(tmp_path) == []
    log.flush()
    log.flush()
    assert entries_in(tmp_path) == ENTRIES[:1]


def test_a_cut_at_every_byte(log, tmp_path):
    """What is whole before it is read, and nothing else."""
    ends = []
    for entry in ENTRIES:
        write(log, [entry])
        ends.append(Path(logs_in(tmp_path)[0]).stat().st_size)
    [path] = map(Path, logs_in(tmp_path))
    whole = path.read_bytes()
    for cut in range(len(whole) + 1):
        path.write_bytes(whole[:cut])
        assert list(read_log(path)) == ENTRIES[: sum(end <= cut for end in ends)]


@pytest.mark.parametrize("kept", [0, 1, 2, 4])
@pytest.mark.parametrize("zeros", [1, 300, 5000])
def test_zeros_at_the_end(log, tmp_path, kept, zeros):
    """As a power loss leaves them, where a file's size was on the disk before its bytes."""
    write(log, ENTRIES[:kept])
    path = tmp_path / LOGS / "a-000001.log"
    path.parent.mkdir(exist_ok=True)
    with path.open("ab") as file:
        file.write(bytes(zeros))
    assert list(read_log(path)) == ENTRIES[:kept]


def test_zeros_in_an_entry_leave_the_others(log, tmp_path):
    """It has its length; whoever reads it looks whether its bytes are those of its digest."""
    write(log, ENTRIES)
    [path] = map(Path, logs_in(tmp_path))
    content = path.read_bytes()
    path.write_bytes(content.replace(ENTRIES[2].content, bytes(len(ENTRIES[2].content)), 1))
    found = list(read_log(path))
    assert len(found) == 4
    assert found[3] == ENTRIES[3]


@given(st.binary() | st.binary().map(b"a/1 2 3\n".__add__))
def test_whatever_is_no_log(tmp_path_factory, content):
    """It is no error."""
    path = tmp_path_factory.mktemp("redo") / "a-000001.log"
    path.write_bytes(content)
    for entry in read_log(path):
        assert len(entry.manifest) + len(entry.content) < len(content)


@pytest.mark.parametrize("line", [b"a/1 -1 0\n", b"a/1 1\n", b"a/1 1 1 1\n", b"\xff 0 0\n", b"\n", b"a/1 x y\n"])
def test_lines_that_are_none(tmp_path, line):
    """Nothing is read behind them."""
    path = tmp_path / "a-000001.log"
    path.write_bytes(line + b"a/2 1 1\nxy")
    assert list(read_log(path)) == []


@pytest.fixture
def small_segments(monkeypatch):
    """A log is continued in another file after every flush."""
    monkeypatch.setattr(write_ahead_log, "SEGMENT", 1)


@pytest.mark.usefixtures("small_segments")
def test_a_log_is_continued_in_another_file(log, tmp_path):
    """Entries are never divided, and those files but the last are appended to no more."""
    write(log, ENTRIES[:2])
    for entry in ENTRIES[2:]:
        write(log, [entry])
    logs = logs_in(tmp_path)
    assert names(logs) == [f"a-00000{number}.log" for number in (1, 2, 3)]
    assert [list(read_log(path)) for path in logs] == [ENTRIES[:2], ENTRIES[2:3], ENTRIES[3:]]
    assert continued(logs) == logs[:2]


@pytest.mark.usefixtures("small_segments")
def test_logs_of_several_are_apart(tmp_path):
    """Each has files of its own, of which the last is not continued; also where one's name begins like another's."""
    logs = {prefix: WriteAheadLog(tmp_path, prefix) for prefix in ("b", "a", "a2", "a10")}
    for number, (prefix, log) in enumerate(logs.items()):
        for _ in range(number + 1):
            write(log, [LogEntry(f"{prefix}/1", b"", b"")])
        log.close()
    found = logs_in(tmp_path)
    assert len(found) == 10
    assert sorted(set(names(found)) - set(names(continued(found)))) == [
        "a-000002.log", "a10-000004.log", "a2-000003.log", "b-000001.log",
    ]  # fmt: skip


def test_only_logs_are_logs(tmp_path):
    """Whatever else lies there; and where there is no folder there are none."""
    assert logs_in(tmp_path) == []
    (tmp_path / LOGS).mkdir()
    (tmp_path / LOGS / "other").touch()
    assert logs_in(tmp_path) == []
    assert continued([]) == []


def test_a_log_of_the_same_name_is_never_written_over(log, tmp_path):
    """It may be all that is left of what somebody has reported."""
    write(log, ENTRIES[:1])
    with pytest.raises(FileExistsError):
        write(WriteAheadLog(tmp_path, "a"), ENTRIES[1:])
    assert entries_in(tmp_path) == ENTRIES[:1]


def test_a_store_that_was_removed(tmp_path):
    """Whoever flushes hears of it."""
    with pytest.raises(FileNotFoundError):
        write(WriteAheadLog(tmp_path / "none", "a"), ENTRIES)


def test_what_comes_after_a_full_disk_can_be_read(log, tmp_path, monkeypatch):
    """An entry of which the disk took a part is the last one in its file."""
    write(log, ENTRIES[:1])
    write_all = os.write

    def full(handle, content):
        if len(content) < 10:
            raise OSError(errno.ENOSPC, "full")
        return write_all(handle, content[: len(content) - 9])

    with monkeypatch.context() as disk:
        disk.setattr(os, "write", full)
        with pytest.raises(OSError, match="full"):
            write(log, ENTRIES[1:3])
    write(log, ENTRIES[3:])
    assert entries_in(tmp_path) == [*ENTRIES[:2], ENTRIES[3]]
