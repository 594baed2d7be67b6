"""File sink: store response bodies; small ones are buffered in memory until complete, large ones are written to files.

A complete body is staged with its manifest, and its response is reported.
"""

from collections.abc import Callable
from functools import partial
from pathlib import Path

from airnub_core.errors import IngestError, ItemError, StoreError
from airnub_core.http import body_sink
from airnub_core.http.headers import original_name
from airnub_core.http.io_threads import IoThreads
from airnub_core.http.large_file import Buffers, LargeFile
from airnub_core.http.limits import SMALL
from airnub_core.http.request import Request, Response, Transfer
from airnub_core.store.layout import Staged
from airnub_core.store.partials import WORTH_RESUMING, Partials, ResumeInfo, key_of
from airnub_core.store.stager import Stager

_VALIDATORS = ("etag", "last-modified")


class FileBody:
    """A response body while it is received: in memory up to `SMALL` bytes, then in a file."""

    is_full = False

    def __init__(self, new_file: Callable[[], LargeFile], file: LargeFile | None = None) -> None:
        """Create an empty body, or resume that of a partial file; `new_file` creates a file, which is not open yet."""
        self._new_file = new_file
        self._pieces: list[bytes] = []
        self._small = 0
        self.file = file
        """The file of a body larger than `SMALL`."""
        # Attributes instead of properties, since each chunk reads them.
        self.straight: LargeFile | None = file
        self.resumable = None if file is None else file.note
        """What is known of it where it can be resumed."""
        self.takes_note = file is not None and self.resumable is None

    @property
    def size(self) -> int:
        """Number of bytes written so far."""
        return self._small if self.file is None else self.file.size

    def write(self, piece: bytes) -> None:
        """Append a chunk of the decoded body.

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
        """Set the information that a later run needs to resume the body."""
        if self.file is not None and self.resumable is None:
            self.file.note = self.resumable = note
            self.takes_note = False

    def keep(self) -> bool:
        """Return whether a range request can resume the body; if so, flush its buffer to the I/O threads."""
        if self.file is None or self.resumable is None or self.size < WORTH_RESUMING:
            return False
        self.file.flush()
        return True

    def content(self) -> bytes:
        """The complete body, if it is in memory."""
        return self._pieces[0] if len(self._pieces) == 1 else b"".join(self._pieces)


class FileSink:
    """Sink that stages every response body as a file, with its own stager, I/O threads and buffers."""

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
        """Create a sink, which closes its stager. Without `has_headers`, responses have only the validators.

        Errors of a store that cannot be written are reported like responses, from any thread.
        """
        self.open = 0
        """Number of running requests; increased by callers that need it."""
        self._stager, self._partials, self._buffers = stager, partials, buffers
        self._report, self._has_headers = report, has_headers
        self._begun = self._done = 0
        self._threads = IoThreads()

    @property
    def busy(self) -> bool:
        """Whether large files are still being hashed or written; their responses are not reported yet."""
        return self._begun > self._done

    def body(self, _response: Callable[[], Response] | None = None) -> FileBody:
        """Create an empty body."""
        return FileBody(self.large_file)

    def whole(self, received: Response, body: body_sink.Body) -> None:
        """Stage a complete body, and report its response.

        A small body is staged in this thread, which is faster than passing it to an I/O thread.
        """
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
            self._report_response(received, staged)

    def not_modified(self, received: Response) -> None:
        """Report a 304 response; there is no body to stage."""
        self.open -= 1
        self._report_response(received, None)

    def failed(self, transfer: Transfer, error: IngestError) -> None:
        """Report a failed request, or a store that cannot be written."""
        self.open -= 1
        if isinstance(error, ItemError):
            self._report(Response(transfer.request, error.attempts, error))
        else:
            self._report(error)

    def large_file(self) -> LargeFile:
        """Create a file for a large body, which is not open yet."""
        return LargeFile(self._stager.new_folder(), self._threads.next(), self._buffers)

    def resume(self, request: Request, on_ready: Callable[[FileBody | None], None]) -> None:
        """Look up the partial file of a URL in an I/O thread; it calls `on_ready` with the body to resume, if any."""
        file = self.large_file()
        self._threads.next()[0].put(self._look_for, file, request, on_ready)

    def park(self, body: body_sink.Body) -> None:
        """Keep an incomplete body for the next run if it is large enough to be resumed."""
        assert isinstance(body, FileBody), "as `body` made it"
        if body.file is not None:
            body.file.then(partial(self._park, body.file))

    def discard(self, body: body_sink.Body) -> None:
        """Delete an incomplete body."""
        assert isinstance(body, FileBody), "as `body` made it"
        file = body.file
        if file is not None:
            file.then(lambda _hex_digits: file.discard())

    def flush(self) -> None:
        """Write all reported bodies to the write-ahead log, if the stager has one.

        Raises:
            StoreError: the log cannot be written.
        """
        self._stager.flush()

    def wait(self) -> None:
        """Wait until all complete bodies are staged and reported."""
        self._threads.close()

    def close(self) -> None:
        """Wait until all complete bodies are staged and reported, and close the stager."""
        self.wait()
        self._stager.close()

    def _report_response(self, received: Response, staged: Staged | None) -> None:
        request, attempts, _, status, final_url, headers, sent_at, *_ = received
        if not self._has_headers:
            # A loop, since a comprehension costs a call per file.
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
            self._report_response(received, staged)
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
            on_ready(found)  # also after an error, since the caller waits for it

    def _park(self, file: LargeFile, hex_digits: str) -> None:
        try:
            file.park(self._partials, hex_digits)
        except OSError as error:
            self._report(StoreError.of(error, self._stager.folder))
