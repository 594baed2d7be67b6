"""File sink: store response bodies; small ones are buffered in memory until complete, large ones are written to files.

What is whole is staged with its manifest, and reported.
"""

from collections.abc import Callable
from functools import partial
from pathlib import Path

from airnub_core.errors import IngestError, ItemError, StoreError
from airnub_core.http import body_sink
from airnub_core.http.headers import original_name
from airnub_core.http.io_threads import IoThreads
from airnub_core.http.large_file import Buffers, LargeFile
from airnub_core.http.request import Request, Response, Transfer
from airnub_core.store.layout import Staged
from airnub_core.store.partials import WORTH_RESUMING, Partials, ResumeInfo, key_of
from airnub_core.store.stager import Stager

SMALL = 64 * 1024
"""Bytes; a larger body becomes a file while it comes."""
_VALIDATORS = ("etag", "last-modified")


class FileBody:
    """The bytes of one answer as they come: in memory, and from `SMALL` on in a file."""

    is_full = False

    def __init__(self, new_file: Callable[[], LargeFile], file: LargeFile | None = None) -> None:
        """Begin.

        Args:
            new_file: gives a file, not open yet.
            file: what came of it before.
        """
        self._new_file = new_file
        self._pieces: list[bytes] = []
        self._small = 0
        self.file = file
        """Where a large one is."""
        # No properties, for each piece looks at them.
        self.straight: LargeFile | None = file
        self.resumable = None if file is None else file.note
        """What is known of it where it can be resumed."""
        self.takes_note = file is not None and self.resumable is None

    @property
    def size(self) -> int:
        """In bytes, so far."""
        return self._small if self.file is None else self.file.size

    def write(self, piece: bytes) -> None:
        """Append a piece.

        Raises:
            OSError: the disk is full, or the store was removed.
        """
        if self.file is not None:
            self.file.write(piece)
            return
        self._small += len(piece)
        self._pieces.append(piece)
        if self._small > SMALL:
            file = self._new_file()
            file.open()
            self.file = self.straight = file
            self.takes_note = True
            for one in self._pieces:
                file.write(one)
            self._pieces.clear()

    def note(self, note: ResumeInfo) -> None:
        """Say what a later run must know to go on with it."""
        if self.file is not None and self.resumable is None:
            self.file.note = self.resumable = note
            self.takes_note = False

    def keep(self) -> bool:
        """Whether another request can go on with it; what is collected is handed to the threads then."""
        if self.file is None or self.resumable is None or self.size < WORTH_RESUMING:
            return False
        self.file.flush()
        return True

    def content(self) -> bytes:
        """All of a small body."""
        return self._pieces[0] if len(self._pieces) == 1 else b"".join(self._pieces)


class FileSink:
    """A stager, its threads and its buffers: a sink, of which every answer is a file."""

    takes_all = cuts = False
    parks = can_restart = True

    def __init__(
        self,
        stager: Stager,
        partials: Partials,
        buffers: Buffers,
        report: Callable[[Response | IngestError], None],
        *,
        has_headers: bool = False,
    ) -> None:
        """Begin.

        Args:
            stager: for what is whole; closed with this.
            partials: where partial files wait.
            buffers: for large files.
            report: given each response, and what keeps the store from being written; from any thread.
            has_headers: whether responses have all headers of their answers, and not the validators alone.
        """
        self.open = 0
        """Requests whose answer has not come, where they are counted."""
        self._stager, self._partials, self._buffers = stager, partials, buffers
        self._report, self._has_headers = report, has_headers
        self._begun = self._done = 0
        self._threads = IoThreads()

    @property
    def busy(self) -> bool:
        """Whether large files are still hashed or written, of which responses are to come."""
        return self._begun > self._done

    def body(self, _response: Callable[[], Response] | None = None) -> FileBody:
        """An empty body."""
        return FileBody(self.large_file)

    def whole(self, received: Response, body: body_sink.Body) -> None:
        """Stage a body, and report it. A small one at once: that takes less time than a hand-over to a thread."""
        assert isinstance(body, FileBody), "as `body` made it"
        self.open -= 1
        original = original_name(received.headers, received.final_url)
        if (file := body.file) is not None:
            self._begun += 1
            file.then(partial(self._stage_large, received, original, file))
            return
        try:
            staged = self._stager.stage(body.content(), received, original)
        except OSError as error:
            self._report(StoreError.of(error, self._stager.folder))
        else:
            self._answer(received, staged)

    def not_modified(self, received: Response) -> None:
        """There is nothing to stage."""
        self.open -= 1
        self._answer(received, None)

    def failed(self, transfer: Transfer, error: IngestError) -> None:
        """It cannot be had, or the disk did not take it."""
        self.open -= 1
        if isinstance(error, ItemError):
            self._report(Response(transfer.request, error.attempts, error))
        else:
            self._report(error)

    def large_file(self) -> LargeFile:
        """A file for a large body, not open yet."""
        return LargeFile(self._stager.new_folder(), self._threads.next(), self._buffers)

    def resume(self, request: Request, on_ready: Callable[[FileBody | None], None]) -> None:
        """Look for what an earlier run left of a URL; `on_ready` is given it, or `None`, from a thread."""
        file = self.large_file()
        self._threads.next()[0].put(self._look_for, file, request, on_ready)

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
        """What was reported until now is in the write-ahead log, where there is one, when this returns.

        Raises:
            StoreError: the disk did not take it.
        """
        self._stager.flush()

    def wait(self) -> None:
        """Return when all that came down is staged and reported."""
        self._threads.close()

    def close(self) -> None:
        """Nothing more comes down; return when all that did is staged and reported."""
        self.wait()
        self._stager.close()

    def _answer(self, received: Response, staged: Staged | None) -> None:
        request, attempts, _, status, final_url, headers, sent_at, *_ = received
        if not self._has_headers:
            # A loop, since a comprehension is a call, for every file.
            kept: dict[str, str] = {}
            for name in _VALIDATORS:
                if name in headers:
                    kept[name] = headers[name]
            headers = kept
        self._report(Response(request, attempts, None, status, final_url, headers, sent_at, staged))

    def _stage_large(self, received: Response, original: str, file: LargeFile, hex_digits: str) -> None:
        try:
            file.finish()
            staged = self._stager.stage_file(file.folder, file.size, hex_digits, received, original)
        except OSError as error:
            self._report(StoreError.of(error, self._stager.folder))
        else:
            self._answer(received, staged)
        self._done += 1

    def _look_for(self, file: LargeFile, request: Request, on_ready: Callable[[FileBody | None], None]) -> None:
        found = None
        try:
            note = self._partials.take(key_of(request.source, request.url_digest), Path(file.folder))
            if note is not None:
                if file.reopen(note):
                    found = FileBody(self.large_file, file)
                else:
                    file.discard()
        except OSError as error:
            self._report(StoreError.of(error, self._stager.folder))
        finally:
            on_ready(found)  # it is waited for

    def _park(self, file: LargeFile, hex_digits: str) -> None:
        try:
            file.park(self._partials, hex_digits)
        except OSError as error:
            self._report(StoreError.of(error, self._stager.folder))
