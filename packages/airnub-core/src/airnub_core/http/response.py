"""Response: parse headers as they arrive, choose where the body goes, and enforce the limits while it arrives."""

from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime

from airnub_common import redact_url
from airnub_core.errors import (
    ConnectionFailedError,
    ContentEncodingError,
    HttpStatusError,
    ProtocolError,
    TooLargeError,
    TruncatedBodyError,
)
from airnub_core.http import redirects
from airnub_core.http.body_sink import Body, Writer
from airnub_core.http.encoding import Decoder, DecodingError, decoder_of
from airnub_core.http.headers import Head, find_head, is_visible, length_in, number_in, read_headers
from airnub_core.http.limits import MAX_INTERIM
from airnub_core.http.request import Response, Transfer
from airnub_core.http.retry import parse_retry_after
from airnub_core.http.url import Url, parse_url
from airnub_core.store.partials import ResumeInfo

# As numbers: each look at an enum is a call.
_OK, _PARTIAL_CONTENT, _NOT_MODIFIED, _RANGE_NOT_SATISFIABLE = 200, 206, 304, 416
_NO_PART = {_RANGE_NOT_SATISFIABLE, _NOT_MODIFIED}
_SUCCESS = range(200, 300)
MAX_UNWANTED = 64 * 1024
"""Bytes of the body of a redirect or an error that are read: up to them the connection can go on. More is cut off."""


class UnfitPartError(ProtocolError):
    """What came in answer to a request for a part cannot be put behind what is there: the whole is fetched afresh."""


class ResponseReader:
    """Of one request. The transfer's thread gives it header lines and pieces of the body."""

    def __init__(self, transfer: Transfer, lines: list[bytes]) -> None:
        """Expect it.

        Args:
            transfer: what was asked, and where the answer goes.
            lines: filled with the header lines as they come.
        """
        self.transfer = transfer
        self.lines = lines
        self.status = 0
        """0 until the headers are over."""
        self.headers: dict[str, str] = {}
        self.body: Body | None = None
        self.received = 0
        """Bytes of the body as they were sent."""
        self.is_cut = False
        """Whether the body has reached its limit, and the rest is not wanted."""
        self.sent_at = ""
        self._is_redirect = False
        self._kept: list[bytes] | None = None
        """The beginning of the body of an error, where it is wanted."""
        self._decoder: Decoder | None = None
        self._straight: Writer | None = None
        """Where pieces go without another look."""

    @property
    def is_unwanted(self) -> bool:
        """Whether the rest of the body is not worth waiting for."""
        return self.is_cut or (self.body is None and self.received > MAX_UNWANTED)

    @property
    def is_error(self) -> bool:
        """Whether its headers are there, and its body is not the one that is wanted."""
        return bool(self.status) and self.body is None

    @property
    def has_headers(self) -> bool:
        """Whether the headers have come to their end; libcurl takes a connection that is closed within them.

        Raises:
            ProtocolError: more interim answers came than are taken.
        """
        head = self._head()
        return head.status >= _OK and head.end < len(self.lines)

    def take(self, piece: bytes) -> None:
        """A piece of the body.

        Raises:
            ItemError: it breaks a limit, or cannot be read.
            OSError: the disk did not take it.
        """
        size = len(piece)
        file = self._straight
        if file is not None:
            if file.size + size > self.transfer.limits.max_bytes:
                raise TooLargeError(self.transfer.url, self.transfer.limits.max_bytes)
            self.received += size
            file.write(piece)
            return
        if not self.status:
            self.begin()
        self.received += size
        body = self.body
        if body is None:
            if self._kept is not None:
                self._kept.append(piece)
            return
        if self.is_cut:
            return
        try:
            for decoded in (piece,) if self._decoder is None else self._decoder.decode(piece):
                self._keep(body, decoded)
        except DecodingError:
            raise self._undecodable() from None

    def begin(self) -> None:
        """The headers are over: what is it, and where does its body belong?

        Raises:
            ItemError: its body is too large, cannot be decoded, or does not fit what is there; or too many interim
                answers came before it.
        """
        self.status, start, end, _ = self._head()
        if not self.status:
            raise ProtocolError(self.transfer.url, "no status")
        self.headers = read_headers(self.lines[start + 1 : end])
        self._is_redirect = self.status in redirects.STATUSES and "location" in self.headers
        transfer = self.transfer
        if self.status == _PARTIAL_CONTENT and transfer.body is not None:
            note = transfer.body.resumable
            assert note is not None, "what can be resumed has a note"
            check_part(transfer.url, self.headers, note, transfer.body.size)
            self._check_size(transfer.body.size)
            self.body, transfer.body = transfer.body, None
            if (part := self.body.resumable) is not None and part.expected is not None:
                self.headers["content-length"] = str(part.expected)  # the manifest is that of the whole
        elif self.status == _OK or (transfer.sink.takes_all and self.status in _SUCCESS):
            if transfer.body is not None:
                # It has changed, or the server knows no parts: afresh.
                transfer.sink.discard(transfer.body)
                transfer.body = None
            self._check_size(0)
            if "content-encoding" in self.headers:
                self._decode()
            self.body = transfer.sink.body(self.response)
        elif transfer.sink.takes_all and not self._is_redirect:
            self._kept = []
            with suppress(ContentEncodingError):  # it is an error all the same
                self._decode()

    def response(self) -> Response:
        """What has come, but for the body."""
        transfer = self.transfer
        lines: list[bytes] = []
        if transfer.sink.takes_all:
            head = self._head()
            lines = self.lines[head.start + 1 : head.end]
        return Response(
            transfer.request,
            transfer.attempts,
            status=self.status,
            final_url=transfer.target.url,
            headers=self.headers,
            sent_at=self.sent_at,
            lines=lines,
        )

    def end(self) -> Url | None:
        """Nothing more comes: `None` where it counts as it is, or where it sends on to.

        Raises:
            ItemError: it is not what was asked for.
        """
        transfer, status = self.transfer, self.status
        if not status:
            raise ConnectionFailedError(transfer.url, "it was closed within the headers")
        if self._is_redirect:
            return parse_url(transfer.url, self.headers["location"].strip(), base=transfer.target.url)
        if status == _NOT_MODIFIED and transfer.is_conditional:
            return None
        if self.body is not None:
            if not self.is_cut and (self._decoder is not None or self.body.resumable is not None):
                self._check_whole(self.body)
            return None
        if status in _NO_PART and transfer.body is not None:
            raise UnfitPartError(transfer.url, "no more bytes where the server once had some")
        raise HttpStatusError(
            transfer.url, status, parse_retry_after(self.headers.get("retry-after"), datetime.now(UTC))
        )

    def give_up(self, *, for_good: bool) -> None:
        """What came of the body goes back to the transfer where it can be resumed."""
        body, self.body, self._straight = self.body, None, None
        if body is None:
            return
        if not for_good and body.keep():
            self.transfer.body = body
        else:
            self.transfer.sink.discard(body)

    def content_of_error(self) -> bytes:
        """The beginning of the body of an error, decoded, `MAX_UNWANTED` at most; empty where it was not wanted."""
        kept, decoder = b"".join(self._kept or ())[:MAX_UNWANTED], self._decoder
        if decoder is None:
            return kept
        content = b""
        with suppress(DecodingError):
            for piece in decoder.decode(kept):
                content += piece
                if len(content) >= MAX_UNWANTED:
                    break
        return content[:MAX_UNWANTED]

    def cut(self) -> TruncatedBodyError:
        """It ended early."""
        note = None if self.body is None else self.body.resumable
        if self.body is None or note is None:
            return TruncatedBodyError(self.transfer.url, length_in(self.headers), self.received)
        return TruncatedBodyError(self.transfer.url, note.expected, self.body.size)

    def _head(self) -> Head:
        head = find_head(self.lines)
        if head.interim > MAX_INTERIM:
            found = f"{head.interim:,} interim answers (1xx), of which at most {MAX_INTERIM:,} are taken"
            raise ProtocolError(self.transfer.url, found)
        return head

    def _decode(self) -> None:
        if encoding := self.headers.get("content-encoding"):
            try:
                self._decoder = decoder_of(encoding, self.transfer.target.url.partition("?")[0])
            except DecodingError:
                raise self._undecodable() from None

    def _keep(self, body: Body, piece: bytes) -> None:
        limit = self.transfer.limits.max_bytes
        if body.size + len(piece) > limit:
            if not self.transfer.sink.cuts:
                raise TooLargeError(self.transfer.url, limit)
            piece = piece[: limit - body.size]
            self.is_cut = True
        body.write(piece)
        if body.takes_note:
            self._note(body)
        # Libcurl hands over 16 KiB at most: for a large file the way from here is short.
        self._straight = body.straight if self._decoder is None else None

    def _note(self, body: Body) -> None:
        """What a later run needs to go on, where the server names versions strongly and sends bytes as they are."""
        etag = self.headers.get("etag", "")
        if self._decoder is None and etag.startswith('"') and is_visible(etag):
            asked = self.transfer.request
            expected = length_in(self.headers)
            body.note(ResumeInfo(asked.source, redact_url(asked.url), asked.url_digest, etag, 0, "", expected))

    def _undecodable(self) -> ContentEncodingError:
        return ContentEncodingError(self.transfer.url, self.headers.get("content-encoding", "").strip().lower())

    def _check_size(self, before: int) -> None:
        promised, limit = length_in(self.headers), self.transfer.limits.max_bytes
        is_limited = not self.transfer.sink.cuts and self.transfer.method != "HEAD"
        if is_limited and promised is not None and before + promised > limit:
            raise TooLargeError(self.transfer.url, limit)

    def _check_whole(self, body: Body) -> None:
        if self._decoder is not None:
            try:
                self._decoder.end()
            except DecodingError:
                raise self._undecodable() from None
        note = body.resumable
        if note is not None and note.expected is not None and body.size != note.expected:
            raise TruncatedBodyError(self.transfer.url, note.expected, body.size)


def check_part(url: str, headers: Mapping[str, str], note: ResumeInfo, size: int) -> None:
    """A part is believed only where it starts at the byte that was asked for, and is one of the same version.

    Args:
        url: what was asked for, for the error.
        headers: of the answer.
        note: what is known of the bytes that are there.
        size: how many they are.

    Raises:
        UnfitPartError: it is not.
    """
    named = headers.get("content-range", "no Content-Range")
    unit, _, rest = named.partition(" ")
    span, _, whole = rest.partition("/")
    start, end = (number_in(one.strip()) for one in span.partition("-")[::2])
    total = number_in(whole.strip())
    length = None if start is None or end is None else end - start + 1
    if not (
        unit.lower() == "bytes"
        and start == size
        and headers.get("content-encoding", "identity").strip().lower() == "identity"
        and length_in(headers) in {None, length}
        and headers.get("etag", note.etag) == note.etag
        and (note.expected is None or total is None or total == note.expected)
    ):
        raise UnfitPartError(url, f"a part that is not that from byte {size:,} on ({named})")
