"""The body of a file as it comes, and what becomes of it when it is whole."""

from collections.abc import Callable, Mapping

from airnub_core.http.headers import original_name
from airnub_core.http.large_file import LargeFile
from airnub_core.http.request import Fetched
from airnub_core.store.layout import Staged, object_name
from airnub_core.store.manifest import Manifest, RequestInfo
from airnub_core.store.partials import WORTH_RESUMING, ResumeInfo

SMALL = 64 * 1024
"""Bytes; a larger body becomes a file while it comes."""


class FileBody:
    """The bytes of one answer as they come: in memory, and from `SMALL` on in a file."""

    __slots__ = ("_new_file", "_pieces", "_small", "file", "has_note", "straight", "takes_note")

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
        self.has_note = file is not None and file.note is not None
        self.takes_note = file is not None and not self.has_note

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
        if self.file is not None and self.file.note is None:
            self.file.note = note
            self.takes_note, self.has_note = False, True

    @property
    def resumable(self) -> ResumeInfo | None:
        """What is known of it where it can be resumed."""
        return self.file.note if self.file is not None else None

    def keep(self) -> bool:
        """Whether another request can go on with it; what is collected is handed to the threads then."""
        if self.file is None or self.file.note is None or self.size < WORTH_RESUMING:
            return False
        self.file.flush()
        return True

    def content(self) -> bytes:
        """All of a small body."""
        return self._pieces[0] if len(self._pieces) == 1 else b"".join(self._pieces)


class Arrived:
    """A whole answer, on its way to be filed: what was asked for, and what came."""

    __slots__ = (
        "asked",
        "attempts",
        "body",
        "final_url",
        "has_headers",
        "headers",
        "name",
        "number",
        "original",
        "sent_at",
    )

    def __init__(
        self,
        number: int,
        attempts: int,
        asked: RequestInfo,
        body: FileBody,
        final_url: str,
        headers: Mapping[str, str],
        sent_at: str,
        *,
        has_headers: bool = False,
    ) -> None:
        self.has_headers = has_headers
        self.number = number
        self.attempts = attempts
        self.asked = asked
        self.body = body
        self.final_url = final_url
        self.headers = headers
        self.sent_at = sent_at
        self.original = original_name(headers, final_url)
        self.name = object_name(self.original)

    def manifest(self, hex_digits: str) -> bytes:
        """What is written beside the bytes."""
        return Manifest.of(
            self.asked,
            self.final_url,
            self.headers,
            hex_digits=hex_digits,
            size=self.body.size,
            file_name=self.name,
            original=self.original,
            sent_at=self.sent_at,
        ).as_bytes()

    def fetched(self, folder: str, hex_digits: str, *, is_logged: bool = False) -> Fetched:
        """The result that says so."""
        asked, headers = self.asked, self.headers
        staged = Staged(folder, asked.source, self.name, hex_digits, self.body.size, asked.url_digest, is_logged)
        etag, modified = headers.get("etag"), headers.get("last-modified")
        reported = dict(headers) if self.has_headers else {}
        return Fetched(self.number, self.attempts, staged, etag, modified, self.sent_at, reported)
