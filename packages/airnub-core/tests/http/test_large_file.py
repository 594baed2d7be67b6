"""A large file on its way to the disk, on every kind of disk that there is here."""

import errno
import hashlib
import os
import tempfile
import threading
from itertools import pairwise
from pathlib import Path

import pytest
from misbehaviours import content

from airnub_core.http.io_threads import IoThreads
from airnub_core.http.large_file import CHECKPOINT, LARGEST, SMALLEST, SPARE, Buffers, LargeFile
from airnub_core.store.partials import BODY, NOTE, WORTH_RESUMING, Partials, ResumeInfo, read_note, write_resume_info

MEMORY = Path("/dev/shm")
MIB = 1024 * 1024


@pytest.fixture(params=["disk", "memory"])
def folder(request, tmp_path):
    """On a disk, and on a file system in memory, which may know no O_DIRECT; the file's folder is not there yet."""
    if request.param == "disk":
        yield tmp_path / "file"
        return
    if not MEMORY.is_dir():
        pytest.skip("this system has no file system in memory")
    with tempfile.TemporaryDirectory(dir=MEMORY) as place:
        yield Path(place) / "file"


@pytest.fixture
def threads():
    """Threads that hash and write; all is done when the test is over."""
    made = IoThreads()
    yield made
    made.close()


@pytest.fixture
def new(folder, threads):
    """A file that is not open yet."""
    buffers = Buffers(2, 1)
    return lambda: LargeFile(str(folder), threads.next(), buffers)


def ended(file, end=lambda _digits: None):
    """Do something in the writing thread when all is written; the digest's digits."""
    done, digits = threading.Event(), []

    def in_lane(hex_digits):
        try:
            end(hex_digits)
        finally:
            digits.append(hex_digits)
            done.set()

    file.then(in_lane)
    assert done.wait(60)
    return digits[0]


def sent(file, body, piece=100_000):
    """Write a body in pieces."""
    for start in range(0, len(body), piece):
        file.write(body[start : start + piece])


@pytest.mark.parametrize("size", [1, 4096, SMALLEST - 1, SMALLEST, SMALLEST + 1, 3 * SMALLEST, 20 * SMALLEST + 4097])
def test_a_file_is_what_came(new, folder, size):
    """To the byte, wherever its last block ends; it is hashed on the way, and lies alone in its folder."""
    file = new()
    file.open()
    sent(file, content(size))
    digits = ended(file, lambda _digits: file.finish())
    assert [path.name for path in folder.iterdir()] == [BODY]
    assert (folder / BODY).read_bytes() == content(size)
    assert (file.size, digits) == (size, hashlib.sha256(content(size)).hexdigest())


def test_it_may_be_flushed_anywhere(new, folder):
    """As when a transfer is cut and goes on: pieces then begin where the disk does not like it."""
    file = new()
    file.open()
    body = content(5 * SMALLEST)
    for start, end in (
        (0, 1000),
        (1000, 2 * SMALLEST),
        (2 * SMALLEST, 4 * SMALLEST + 7),
        (4 * SMALLEST + 7, len(body)),
    ):
        sent(file, body[start:end])
        file.flush()
    digits = ended(file, lambda _digits: file.finish())
    assert (folder / BODY).read_bytes() == body
    assert digits == hashlib.sha256(body).hexdigest()


def test_what_has_come_is_noted_down(new, folder, note):
    """As soon as it is worth resuming, and again and again: size and digest belong to bytes that are there."""
    file = new()
    file.open()
    file.note = note
    body = content(WORTH_RESUMING + CHECKPOINT + SMALLEST)
    noted = []
    for start in range(0, len(body), SMALLEST):
        file.write(body[start : start + SMALLEST])
        ended(file)
        if (known := read_note(folder)) is not None and known not in noted:
            noted.append(known)
    ended(file, lambda _digits: file.discard())
    assert noted[0].size == WORTH_RESUMING
    assert max(after.size - before.size for before, after in pairwise(noted)) <= CHECKPOINT
    assert noted[-1].size + CHECKPOINT >= len(body)
    for one in noted:
        assert one == note._replace(size=one.size, hex_digits=hashlib.sha256(body[: one.size]).hexdigest())


def test_nothing_is_noted_where_nobody_could_go_on(new, folder):
    """Its server names no version."""
    file = new()
    file.open()
    sent(file, content(2 * WORTH_RESUMING))
    ended(file)
    assert [path.name for path in folder.iterdir()] == [BODY]
    ended(file, lambda _digits: file.discard())
    assert not folder.exists()


def left(folder, note, size, more=b"not noted"):
    """What an earlier run left."""
    folder.mkdir()
    body = content(3 * WORTH_RESUMING)
    (folder / BODY).write_bytes(body[:size] + more)
    known = note._replace(size=size, hex_digits=hashlib.sha256(body[:size]).hexdigest())
    write_resume_info(folder, known)
    return body, known


@pytest.mark.parametrize("size", [WORTH_RESUMING, WORTH_RESUMING + 777])
def test_it_goes_on_with_what_an_earlier_run_left(new, folder, note, size):
    """From the byte that was noted; what came after it is not believed."""
    body, known = left(folder, note, size)
    file = new()
    assert file.reopen(known)
    assert (file.size, file.note) == (size, known)
    sent(file, body[size:])
    digits = ended(file, lambda _digits: file.finish())
    assert {path.name for path in folder.iterdir()} == {BODY, NOTE}
    assert (folder / BODY).read_bytes() == body
    assert digits == hashlib.sha256(body).hexdigest()


@pytest.mark.parametrize("harm", ["cut", "changed"])
def test_what_was_left_is_hashed_before_it_is_believed(new, folder, note, harm):
    """A file that is not what was noted is not gone on with."""
    left(folder, note, WORTH_RESUMING, b"")
    with (folder / BODY).open("r+b") as body:
        if harm == "cut":
            body.truncate(WORTH_RESUMING - 1)
        else:
            body.write(b"X")
    file = new()
    assert not file.reopen(read_note(folder))
    file.discard()
    assert not folder.exists()


def test_what_is_parked_can_be_gone_on_with(new, folder, note):
    """All that has come, to the last byte."""
    partials = Partials(folder.parent / "hidden")
    file = new()
    file.open()
    file.note = note
    body = content(WORTH_RESUMING + 777)
    sent(file, body)
    ended(file, lambda digits: file.park(partials, digits))
    assert not folder.exists()
    [parked] = partials
    assert parked.note == note._replace(size=len(body), hex_digits=hashlib.sha256(body).hexdigest())
    assert (parked.folder / BODY).read_bytes() == body


@pytest.mark.parametrize("why", ["small", "no note"])
def test_what_is_not_worth_it_is_not_parked(new, folder, note, partials, why):
    """It goes."""
    file = new()
    file.open()
    file.note = None if why == "no note" else note
    sent(file, content(WORTH_RESUMING - 1 if why == "small" else WORTH_RESUMING))
    ended(file, lambda digits: file.park(partials, digits))
    assert not folder.exists()
    assert partials.keys() == frozenset()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no disk that is always full")
def test_a_disk_that_takes_no_more(new, folder):
    """Whoever writes hears of it, and whoever wants it whole; nobody waits for a buffer for ever."""
    file = new()
    file.open()
    full = os.open("/dev/full", os.O_WRONLY)
    os.dup2(full, file._handle)
    os.close(full)
    file._direct = False

    def write_on():
        for _ in range(100):
            file.write(content(SMALLEST))
            ended(file)

    with pytest.raises(OSError) as error:
        write_on()
    assert error.value.errno == errno.ENOSPC
    assert file.error is error.value
    errors = []

    def finish(_digits):
        try:
            file.finish()
        except OSError as told:
            errors.append(told)

    ended(file, finish)
    assert errors == [error.value]
    ended(file, lambda _digits: file.discard())
    assert not folder.exists()


def test_a_folder_that_is_there_already(new, folder):
    """Nobody else's file is written into."""
    folder.mkdir()
    with pytest.raises(FileExistsError):
        new().open()
    assert not (folder / NOTE).exists()


def test_what_cannot_be_read_again_is_closed(folder, threads, monkeypatch):
    """A disk that fails while the bytes of an earlier run are hashed leaves no file open."""
    folder.mkdir()
    (folder / BODY).write_bytes(content(WORTH_RESUMING))
    digits = hashlib.sha256(content(WORTH_RESUMING)).hexdigest()
    known = ResumeInfo("s", "http://h/a", "0" * 64, '"1"', WORTH_RESUMING, digits, None)

    def fail(*_arguments):
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "pread", fail)
    before = len(list(Path("/dev/fd").iterdir()))
    with pytest.raises(OSError, match="Input/output"):
        LargeFile(str(folder), threads.next(), Buffers(1, SMALLEST)).reopen(known)
    assert len(list(Path("/dev/fd").iterdir())) == before


@pytest.mark.parametrize(
    ("connections", "budget", "size"),
    [(1, 32 * MIB, LARGEST), (56, 16 * MIB, 256 * 1024), (16, 16 * MIB, 640 * 1024), (1024, MIB, SMALLEST)],
)
def test_their_size_is_what_the_budget_allows(connections, budget, size):
    """In whole pages, which the disk likes, and neither too small nor larger than is of use."""
    buffers = Buffers(connections, budget)
    assert buffers.size == size
    assert buffers.size % 4096 == 0


def test_there_are_so_many_and_no_more():
    """Who wants one more waits until one is given back, and has that, empty."""
    buffers = Buffers(2, MIB)
    taken = [buffers.take() for _ in range(2 + SPARE)]
    assert len({id(buffer.view) for buffer in taken}) == 2 + SPARE
    assert all((buffer.filled, len(buffer.view)) == (0, buffers.size) for buffer in taken)
    got = []
    waiting = threading.Thread(target=lambda: got.append(buffers.take()))
    waiting.start()
    taken[3].filled = 17
    buffers.give_back(taken[3])
    waiting.join()
    assert got == [taken[3]]
    assert taken[3].filled == 0


def test_one_is_used_again_before_another_is_made():
    """Memory that was touched is cheaper than memory that was not."""
    buffers = Buffers(1, MIB)
    first = buffers.take()
    buffers.give_back(first)
    assert buffers.take() is first
