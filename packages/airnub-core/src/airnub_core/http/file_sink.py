"""The file sink: where bodies come down. Small ones are kept in memory until they are whole, large ones become files.

What is whole is hashed, written with its manifest into a staging folder of its own, and reported.
"""

import hashlib
import os
from collections.abc import Callable
from functools import partial
from itertools import count
from pathlib import Path

from airnub_common import ALGORITHM
from airnub_core.errors import IngestError, ItemError, StoreError
from airnub_core.http import body_sink
from airnub_core.http.body_sink import Response
from airnub_core.http.buffers import Buffers
from airnub_core.http.file_body import Arrived, FileBody
from airnub_core.http.io_threads import IoThreads
from airnub_core.http.large_file import LargeFile
from airnub_core.http.request import Failed, NotModified, Result, StoreFailure
from airnub_core.http.transfer import Transfer
from airnub_core.store.partials import Partials, key_of
from airnub_core.store.provenance import Asked
from airnub_core.store.redo_log import RedoLog
from airnub_core.store.staged import SUFFIX

_NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL


class FileSink:
    """A staging folder, its threads and its buffers: a sink, of which every answer is a file."""

    takes_all = cuts = False
    parks = can_restart = True

    def __init__(
        self,
        staging: Path,
        prefix: str,
        partials: Partials,
        buffers: Buffers,
        on_result: Callable[[Result], None],
        *,
        is_logged: bool = False,
        has_headers: bool = False,
    ) -> None:
        """Take a place.

        Args:
            staging: the folder, absolute; others may use it too.
            prefix: the name of the folder in it that is made for this one, with a number behind it where that folder is
                there already.
            partials: where partial files wait.
            buffers: for large files.
            on_result: given each result, from any thread.
            is_logged: whether small bodies are written into a redo log too.
            has_headers: whether results have the headers of their answers.

        Raises:
            StoreError: the store was removed.
        """
        self.open = 0
        """Requests whose answer has not come, where they are counted."""
        self._has_headers = has_headers
        self._partials = partials
        self._buffers = buffers
        self._on_result = on_result
        self._numbers = count(1)
        self._begun = self._done = 0
        try:
            self._prefix = _new_folder(staging, prefix)
            self._staging = f"{staging}/{self._prefix}"
            self._handle = os.open(self._staging, os.O_RDONLY)
        except OSError as error:
            raise StoreError.of(error, staging) from error
        self._log = RedoLog(staging, self._prefix) if is_logged else None
        self._threads = IoThreads()

    @property
    def folder(self) -> str:
        """Where bodies are staged: a folder of its own in the staging folder, absolute."""
        return self._staging

    @property
    def busy(self) -> bool:
        """Whether large files are still hashed or written, of which results are to come."""
        return self._begun > self._done

    def body(self, _response: Callable[[], Response] | None = None) -> FileBody:
        """An empty body."""
        return FileBody(self.large_file)

    def whole(self, received: Response, body: body_sink.Body) -> None:
        """File a body."""
        assert isinstance(body, FileBody), "as `body` made it"
        self.open -= 1
        job, attempts, _, url, headers, sent_at, _ = received
        arrived = Arrived(job.number, attempts, job.asked, body, url, headers, sent_at, has_headers=self._has_headers)
        self.land(arrived)

    def not_modified(self, received: Response) -> None:
        """There is nothing to file."""
        self.open -= 1
        job, headers = received.job, received.headers
        etag, modified = headers.get("etag", job.etag), headers.get("last-modified", job.last_modified)
        reported = headers if self._has_headers else {}
        self._on_result(NotModified(job.number, received.attempts, etag, modified, received.sent_at, reported))

    def failed(self, transfer: Transfer, error: ItemError) -> None:
        """It cannot be had."""
        self.open -= 1
        self._on_result(Failed(transfer.job.number, error))

    def broken(self, error: IngestError) -> None:
        """The disk did not take it."""
        self.open -= 1
        self._on_result(StoreFailure(error))

    def large_file(self) -> LargeFile:
        """A file for a large body, not open yet."""
        return LargeFile(f"{self._staging}/{self._new_name()}", self._threads.next(), self._buffers)

    def resume(self, asked: Asked, on_ready: Callable[[FileBody | None], None]) -> None:
        """Look for what an earlier run left of a URL; `on_ready` is given it, or `None`, from a thread."""
        file = self.large_file()
        self._threads.next()[0].put(self._look_for, file, asked, on_ready)

    def land(self, arrived: Arrived) -> None:
        """A body is whole: file it, and report it as fetched.

        A small one at once: writing it takes less time than a hand-over to another thread.
        """
        file = arrived.body.file
        if file is None:
            self._write_small(arrived)
        else:
            self._begun += 1
            file.then(partial(self._end_large, arrived, file))

    def park(self, body: body_sink.Body) -> None:
        """A body is given up for now: keep it for the next run where that is worth it."""
        assert isinstance(body, FileBody), "as `body` made it"
        if body.file is not None:
            body.file.then(partial(self._park, body.file))

    def discard(self, body: body_sink.Body) -> None:
        """A body is given up for good."""
        assert isinstance(body, FileBody), "as `body` made it"
        file = body.file
        if file is not None:
            file.then(lambda _hex_digits: file.discard())

    def flush(self) -> None:
        """What was reported until now is in the log when this returns.

        Raises:
            StoreError: the disk did not take it.
        """
        if self._log is not None:
            try:
                self._log.flush()
            except OSError as error:
                raise StoreError.of(error, self._staging) from error

    def wait(self) -> None:
        """Return when all that came down is filed and reported."""
        self._threads.close()

    def close(self) -> None:
        """Nothing more comes down; return when all that did is filed and reported."""
        self.wait()
        if self._log is not None:
            self._log.close()
        os.close(self._handle)

    def _write_small(self, arrived: Arrived) -> None:
        content = arrived.body.content()
        hex_digits = hashlib.new(ALGORITHM, content).hexdigest()
        folder, name = self._new_name(), arrived.name
        manifest = arrived.manifest(hex_digits)
        try:
            # Relative to a handle: the way from the root is long, and would be walked three times a file.
            os.mkdir(folder, dir_fd=self._handle)
            self._write_new(f"{folder}/{name}", content)
            self._write_new(f"{folder}/{name}{SUFFIX}", manifest)
        except OSError as error:
            self._on_result(StoreFailure(StoreError.of(error, self._staging)))
            return
        if self._log is not None:
            self._log.add(f"{self._prefix}/{folder}", manifest, content)
        self._on_result(arrived.fetched(f"{self._staging}/{folder}", hex_digits, is_logged=self._log is not None))

    def _write_new(self, path: str, content: bytes) -> None:
        handle = os.open(path, _NEW_FILE, 0o666, dir_fd=self._handle)
        try:
            written = os.write(handle, content)
            while written < len(content):
                written += os.write(handle, content[written:])
        finally:
            os.close(handle)

    def _end_large(self, arrived: Arrived, file: LargeFile, hex_digits: str) -> None:
        try:
            file.finish(arrived.name)
            self._write_new(f"{file.folder}/{arrived.name}{SUFFIX}", arrived.manifest(hex_digits))
        except OSError as error:
            self._on_result(StoreFailure(StoreError.of(error, self._staging)))
        else:
            self._on_result(arrived.fetched(file.folder, hex_digits))
        self._done += 1

    def _look_for(self, file: LargeFile, asked: Asked, on_ready: Callable[[FileBody | None], None]) -> None:
        found = None
        try:
            note = self._partials.take(key_of(asked.source, asked.url_digest), Path(file.folder))
            if note is not None:
                if file.reopen(note):
                    found = FileBody(self.large_file, file)
                else:
                    file.discard()
        except OSError as error:
            self._on_result(StoreFailure(StoreError.of(error, self._staging)))
        finally:
            on_ready(found)  # it is waited for

    def _park(self, file: LargeFile, hex_digits: str) -> None:
        try:
            file.park(self._partials, hex_digits)
        except OSError as error:
            self._on_result(StoreFailure(StoreError.of(error, self._staging)))

    def _new_name(self) -> str:
        return str(next(self._numbers))


def _new_folder(staging: Path, prefix: str) -> str:
    name, number = prefix, 1
    while True:
        try:
            os.mkdir(f"{staging}/{name}")  # noqa: PTH102
        except FileExistsError:
            number += 1
            name = f"{prefix}{number}"
        else:
            return name
