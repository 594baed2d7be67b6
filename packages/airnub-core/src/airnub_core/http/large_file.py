"""Large files: hash and write a body in I/O threads, buffer by buffer, while the transfer continues.

Writes bypass the page cache (O_DIRECT) if the file system supports it: on small machines allocating pages of the cache
costs more than the disk (sets M and L of the ingest benchmark). Checkpoints record how much was received, so that a
killed run can be resumed.
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
"""Buffers being hashed or written, in addition to one per connection; without them a transfer would wait for itself."""
LARGEST, SMALLEST = 1024 * 1024, 128 * 1024
"""Largest and smallest size of a buffer in bytes."""
CHECKPOINT = 8 * 1024 * 1024
"""Most bytes between two checkpoints."""
_BLOCK = 4096
_READ = 1024 * 1024
_DIRECT = getattr(os, "O_DIRECT", 0)


class Buffer:
    """A block of memory, and the number of bytes filled."""

    __slots__ = ("filled", "view")

    def __init__(self, size: int) -> None:
        # O_DIRECT requires aligned memory; that of mmap is aligned to pages.
        self.view = memoryview(mmap.mmap(-1, size))
        self.filled = 0


class Buffers:
    """A pool of buffers; `take` blocks while all are in use."""

    def __init__(self, connections: int, budget: int) -> None:
        """Size the pool; memory is allocated on first use.

        Args:
            connections: most files received concurrently.
            budget: total size in bytes; exceeded if buffers of the smallest size need more.
        """
        self._left = connections + SPARE
        self.size = max(SMALLEST, min(LARGEST, budget // self._left // SMALLEST * SMALLEST))
        """Size of each buffer in bytes."""
        self._free: SimpleQueue[Buffer] = SimpleQueue()

    def take(self) -> Buffer:
        """Take an empty buffer; blocks until one is free."""
        try:
            return self._free.get_nowait()
        except Empty:
            if self._left:
                self._left -= 1
                return Buffer(self.size)
        return self._free.get()

    def give_back(self, buffer: Buffer) -> None:
        """Empty a buffer and return it to the pool."""
        buffer.filled = 0
        self._free.put(buffer)


class LargeFile:
    """The file `body` in a staging folder.

    The client's thread calls `write`, `flush` and `then`; a hashing and a writing thread process the buffers.
    """

    def __init__(self, folder: str, threads: tuple[SerialExecutor, SerialExecutor], buffers: Buffers) -> None:
        self.folder = folder
        self.size = 0
        """Number of bytes received."""
        self.note: ResumeInfo | None = None
        """Resume information without current size and digest; `None` if the body cannot be resumed."""
        self.error: OSError | None = None
        """The first write error; nothing is written after it."""
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
        """Open a partial file, truncate it to its last checkpoint, and return whether the bytes match its digest.

        Raises:
            OSError: the file cannot be read or written.
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
        """Append a chunk; blocks while all buffers wait for the I/O threads.

        Raises:
            OSError: an earlier chunk could not be written.
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
        """Pass the current buffer, even if it is not full, to the hashing thread."""
        buffer, self._buffer = self._buffer, None
        if buffer is not None:
            self._hashing.put(self._hash_buffer, buffer)

    def then(self, job: Callable[[str], None]) -> None:
        """Run a job in the writing thread after all bytes received so far are written, with the SHA-256 of these."""
        self.flush()
        self._hashing.put(lambda: self._writing.put(job, self._hash.hexdigest()))

    def finish(self) -> None:
        """Close the complete file; called in the writing thread.

        Raises:
            OSError: the file could not be written.
        """
        try:
            if self.error is not None:
                raise self.error
            os.ftruncate(self._handle, self.size)
        finally:
            self.close()

    def park(self, partials: Partials, hex_digits: str) -> None:
        """Close the incomplete file, and keep it for the next run if it can be resumed; called in the writing thread.

        Raises:
            OSError: the file or its resume information could not be written.
        """
        try:
            if self.note is not None and self.error is None:
                os.ftruncate(self._handle, self.size)
                write_resume_info(Path(self.folder), self.note._replace(size=self.size, hex_digits=hex_digits))
                partials.park(Path(self.folder))
        finally:
            self.discard()

    def discard(self) -> None:
        """Close and delete the file; called in the writing thread."""
        self.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def close(self) -> None:
        """Close the file if it is open; called in the writing thread."""
        if self._handle >= 0:
            os.close(self._handle)
            self._handle = -1

    def _hash_buffer(self, buffer: Buffer) -> None:
        self._hash.update(buffer.view[: buffer.filled])
        hex_digits = None
        # The first checkpoint is at WORTH_RESUMING, each later one at twice the size, but at most CHECKPOINT further.
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
                # O_DIRECT writes whole blocks; `finish` truncates the file to its size.
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
        import fcntl  # not on Windows, which has no O_DIRECT

        self._direct = False
        fcntl.fcntl(self._handle, fcntl.F_SETFL, fcntl.fcntl(self._handle, fcntl.F_GETFL) & ~_DIRECT)
