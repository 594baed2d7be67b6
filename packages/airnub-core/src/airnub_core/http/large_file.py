"""A large file on its way to the disk, in buffers that one thread hashes and the next one writes while more bytes come.

Written past the page cache where the file system can (O_DIRECT): on small machines fresh pages of the cache cost more
than the disk does (the ingest benchmark's sets M and L). What has come is noted down from time to time, so that a run
which is killed can be continued.
"""

import errno
import mmap
import os
import shutil
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from queue import Empty, SimpleQueue

from airnub_core.http.io_threads import SerialExecutor
from airnub_core.store.partials import BODY, WORTH_RESUMING, Partials, ResumeInfo, write_resume_info

SPARE = 8
"""Buffers beyond one for each connection: being hashed and written. Without them a transfer would wait for itself."""
LARGEST, SMALLEST = 1024 * 1024, 128 * 1024
"""Bytes of a buffer."""
CHECKPOINT = 8 * 1024 * 1024
"""At most so many bytes lie between two notes of what has come."""
_BLOCK = 4096
_READ = 1024 * 1024
_DIRECT = getattr(os, "O_DIRECT", 0)


class Buffer:
    """Memory, and how much of it is filled."""

    __slots__ = ("filled", "view")

    def __init__(self, size: int) -> None:
        # Memory of its own pages is aligned to them, which writing past the page cache (O_DIRECT) asks for.
        self.view = memoryview(mmap.mmap(-1, size))
        self.filled = 0


class Buffers:
    """A pool; who takes a buffer when all are in use waits for one to be written."""

    def __init__(self, connections: int, budget: int) -> None:
        """Plan, and take no memory yet.

        Args:
            connections: how many files may be collected at the same time.
            budget: bytes, as far as the smallest buffers allow.
        """
        self._left = connections + SPARE
        self.size = max(SMALLEST, min(LARGEST, budget // self._left // SMALLEST * SMALLEST))
        """Of each, in bytes."""
        self._free: SimpleQueue[Buffer] = SimpleQueue()

    def take(self) -> Buffer:
        """An empty buffer."""
        try:
            return self._free.get_nowait()
        except Empty:
            if self._left:
                self._left -= 1
                return Buffer(self.size)
        return self._free.get()

    def give_back(self, buffer: Buffer) -> None:
        """It may be used again."""
        buffer.filled = 0
        self._free.put(buffer)


class LargeFile:
    """The file `body` in a staging folder. The transfer's thread writes and ends it, the threads do the work."""

    def __init__(self, folder: str, threads: tuple[SerialExecutor, SerialExecutor], buffers: Buffers) -> None:
        self.folder = folder
        self.size = 0
        """Bytes that have come."""
        self.note: ResumeInfo | None = None
        """What a later run must know to go on, but for size and digest; `None` where it could not."""
        self.error: OSError | None = None
        """What the disk said; then nothing more is written."""
        self._hashing, self._writing = threads
        self._buffers = buffers
        self._buffer: Buffer | None = None
        self._hash = sha256()
        self._handle = -1
        self._direct = bool(_DIRECT)
        self._written = 0
        self._next_note = WORTH_RESUMING

    def open(self) -> None:
        """Create the file, empty.

        Raises:
            OSError: the disk is full, or the store was removed.
        """
        os.mkdir(self.folder)  # noqa: PTH102
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
        try:
            self._handle = os.open(f"{self.folder}/{BODY}", flags | _DIRECT, 0o666)
        except OSError as error:
            if error.errno != errno.EINVAL:
                raise
            self._direct = False
            self._handle = os.open(f"{self.folder}/{BODY}", flags & ~os.O_EXCL, 0o666)

    def reopen(self, note: ResumeInfo) -> bool:
        """Go on with what an earlier run left; whether its bytes are those that were noted. Takes the time of hashing.

        Raises:
            OSError: it cannot be read or written.
        """
        self._direct = False
        self._handle = os.open(f"{self.folder}/{BODY}", os.O_RDWR)
        try:
            return self._read_again(note)
        except OSError:
            self.close()
            raise

    def _read_again(self, note: ResumeInfo) -> bool:
        left = note.size
        while left:
            piece = os.pread(self._handle, min(_READ, left), note.size - left)
            if not piece:
                return False
            self._hash.update(piece)
            left -= len(piece)
        os.ftruncate(self._handle, note.size)
        self.size = self._written = note.size
        self._next_note = note.size + CHECKPOINT
        self.note = note
        return self._hash.hexdigest() == note.hex_digits

    def write(self, piece: bytes) -> None:
        """Append a piece; waits for a buffer when the threads are behind.

        Raises:
            OSError: what was written before did not fit on the disk.
        """
        if self.error is not None:
            raise self.error
        self.size += len(piece)
        start = 0
        while start < len(piece):
            buffer = self._buffer
            if buffer is None:
                buffer = self._buffer = self._buffers.take()
            part = min(len(piece) - start, self._buffers.size - buffer.filled)
            buffer.view[buffer.filled : buffer.filled + part] = piece[start : start + part] if start else piece[:part]
            buffer.filled += part
            start += part
            if buffer.filled == self._buffers.size:
                self.flush()

    def flush(self) -> None:
        """Hand what is collected to the threads; no buffer is held afterwards."""
        buffer, self._buffer = self._buffer, None
        if buffer is not None:
            self._hashing.put(self._hash_buffer, buffer)

    def then(self, job: Callable[[str], None]) -> None:
        """Do this in the writing thread when all that came is written; it is given the digest's hexadecimal digits."""
        self.flush()
        self._hashing.put(lambda: self._writing.put(job, self._hash.hexdigest()))

    def finish(self) -> None:
        """In the writing thread: close the file, which is whole.

        Raises:
            OSError: the disk did not take it.
        """
        try:
            if self.error is not None:
                raise self.error
            os.ftruncate(self._handle, self.size)
        finally:
            self.close()

    def park(self, partials: Partials, hex_digits: str) -> None:
        """In the writing thread: close the file as it is, and keep it for the next run where that is worth it.

        Raises:
            OSError: the disk did not take it.
        """
        try:
            if self.note is not None and self.error is None:
                os.ftruncate(self._handle, self.size)
                write_resume_info(Path(self.folder), self.note._replace(size=self.size, hex_digits=hex_digits))
                partials.park(Path(self.folder))
        finally:
            self.discard()

    def discard(self) -> None:
        """In the writing thread: give up what came."""
        self.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def close(self) -> None:
        """In the writing thread: close the file."""
        if self._handle >= 0:
            os.close(self._handle)
            self._handle = -1

    def _hash_buffer(self, buffer: Buffer) -> None:
        self._hash.update(buffer.view[: buffer.filled])
        hex_digits = None
        # The first as soon as there is anything worth resuming, the next ones further and further apart.
        if self.note is not None and self._written + buffer.filled >= self._next_note:
            hex_digits = self._hash.hexdigest()
            come = self._written + buffer.filled
            self._next_note = come + min(come, CHECKPOINT)
        offset, self._written = self._written, self._written + buffer.filled
        self._writing.put(self._write_buffer, buffer, offset, hex_digits)

    def _write_buffer(self, buffer: Buffer, offset: int, hex_digits: str | None) -> None:
        try:
            if self.error is None:
                self._write_at(buffer, offset)
                if hex_digits is not None and self.note is not None:
                    note = self.note._replace(size=offset + buffer.filled, hex_digits=hex_digits)
                    write_resume_info(Path(self.folder), note)
        except OSError as error:
            self.error = error
        finally:
            self._buffers.give_back(buffer)

    def _write_at(self, buffer: Buffer, offset: int) -> None:
        length = buffer.filled
        if self._direct and (offset % _BLOCK or length % _BLOCK):
            if offset % _BLOCK == 0:
                # The last block is written whole, and the file cut to its size at the end.
                length = -(-length // _BLOCK) * _BLOCK
            self._write_all(buffer, offset, length)
            self._leave_direct()
            return
        self._write_all(buffer, offset, length)

    def _write_all(self, buffer: Buffer, offset: int, length: int) -> None:
        done = 0
        while done < length:
            try:
                done += os.pwrite(self._handle, buffer.view[done:length], offset + done)
            except OSError as error:
                if error.errno != errno.EINVAL or not self._direct:
                    raise
                self._leave_direct()

    def _leave_direct(self) -> None:
        import fcntl  # what has no fcntl has no O_DIRECT

        self._direct = False
        fcntl.fcntl(self._handle, fcntl.F_SETFL, fcntl.fcntl(self._handle, fcntl.F_GETFL) & ~_DIRECT)
