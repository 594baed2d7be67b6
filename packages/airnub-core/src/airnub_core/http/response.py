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
from airnub_core.http.conditional import NOT_MODIFIED, may_be_unmodified
from airnub_core.http.encoding import Decoder, DecodingError, decoder_of
from airnub_core.http.headers import Head, find_head, is_visible, length_in, number_in, read_headers
from airnub_core.http.limits import MAX_INTERIM, MAX_UNWANTED
from airnub_core.http.request import Response, Transfer
from airnub_core.http.retry import parse_retry_after
from airnub_core.http.url import Url, parse_url
from airnub_core.store.partials import ResumeInfo

# Plain integers, since each access to an enum member costs a call.
_OK, _PARTIAL_CONTENT, _RANGE_NOT_SATISFIABLE = 200, 206, 416
_NO_PART = {_RANGE_NOT_SATISFIABLE, NOT_MODIFIED}
_SUCCESS = range(200, 300)


class UnfitPartError(ProtocolError):
    """The response to a range request cannot be appended to the partial body; the whole body is requested again."""


class ResponseReader:
    """Reads the response of one request; the client's thread passes it header lines and chunks of the body."""

    def __init__(self, transfer: Transfer, lines: list[bytes]) -> None:
        """Create a reader; libcurl appends the header lines to `lines` as they are received."""
        self.transfer = transfer
        self.lines = lines
        self.status = 0
        """The status code; 0 until all headers are received."""
        self.headers: dict[str, str] = {}
        self._header_lines: list[bytes] = []
        self.body: Body | None = None
        self.received = 0
        """Number of bytes of the body received, before decoding."""
        self.is_truncated = False
        """Whether the body was truncated at `max_bytes`."""
        self.sent_at = ""
        self._is_redirect = False
        self._kept: list[bytes] | None = None
        """The beginning of the body of an error response, if the sink needs it."""
        self._decoder: Decoder | None = None
        self._straight: Writer | None = None
        """The writer for further chunks that need only a size check."""

    @property
    def is_unwanted(self) -> bool:
        """Whether the rest of the body is not needed: it was truncated, or is the long body of a redirect or error."""
        return self.is_truncated or (self.body is None and self.received > MAX_UNWANTED)

    @property
    def is_error(self) -> bool:
        """Whether the headers are received and the body is not delivered to the sink, as for a redirect or error."""
        return bool(self.status) and self.body is None

    @property
    def has_headers(self) -> bool:
        """Whether all headers are received; libcurl accepts a connection closed within the headers.

        Raises:
            ProtocolError: more than `MAX_INTERIM` interim responses were received.
        """
        head = self._head()
        return head.status >= _OK and head.end < len(self.lines)

    def take(self, piece: bytes) -> None:
        """Decode a chunk of the body, check the size limit, and write it to the body.

        Raises:
            ItemError: the body exceeds a limit, or cannot be decoded.
            OSError: the chunk cannot be written to disk.
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
        if self.is_truncated:
            return
        try:
            for decoded in (piece,) if self._decoder is None else self._decoder.decode(piece):
                self._keep(body, decoded)
        except DecodingError:
            raise self._undecodable() from None

    def begin(self) -> None:
        """Parse the headers, and create or resume the body.

        Raises:
            ItemError: the body is too large, cannot be decoded, or cannot be appended to the partial body; or too many
                interim responses were received.
        """
        self.status, start, end, _ = self._head()
        if not self.status:
            raise ProtocolError(self.transfer.url, "no status")
        self._header_lines = self.lines[start + 1 : end]
        self.headers = read_headers(self._header_lines)
        self._is_redirect = self.status in redirects.STATUSES and "location" in self.headers
        transfer = self.transfer
        if self.status == _PARTIAL_CONTENT and transfer.body is not None:
            note = transfer.body.resumable
            assert note is not None, "what can be resumed has a note"
            check_part(transfer.url, self.headers, note, transfer.body.size)
            self._check_size(transfer.body.size)
            self.body, transfer.body = transfer.body, None
            if (part := self.body.resumable) is not None and part.expected is not None:
                self.headers["content-length"] = str(part.expected)  # the manifest describes the complete file
        elif self.status == _OK or (transfer.sink.takes_all and self.status in _SUCCESS):
            if transfer.body is not None:
                # The file has changed, or the server does not support range requests.
                transfer.sink.discard(transfer.body)
                transfer.body = None
            self._check_size(0)
            if "content-encoding" in self.headers:
                self._decode()
            self.body = transfer.sink.body(self.response)
        elif transfer.sink.takes_all and not self._is_redirect:
            self._kept = []
            with suppress(ContentEncodingError):  # the response is an error in any case
                self._decode()

    def response(self) -> Response:
        """The response as received so far, without its body."""
        transfer = self.transfer
        return Response(
            transfer.request,
            transfer.attempts,
            status=self.status,
            final_url=transfer.target.url,
            headers=self.headers,
            sent_at=self.sent_at,
            lines=self._header_lines if transfer.sink.takes_all else (),
        )

    def end(self) -> Url | None:
        """Check the response when the transfer has ended.

        Returns:
            The target of a redirect; `None` for a complete or unmodified response.

        Raises:
            ItemError: the response is an error, is incomplete, or does not match the range request.
        """
        transfer, status = self.transfer, self.status
        if not status:
            raise ConnectionFailedError(transfer.url, "it was closed within the headers")
        if self._is_redirect:
            return parse_url(transfer.url, self.headers["location"].strip(), base=transfer.target.url)
        if status == NOT_MODIFIED and may_be_unmodified(transfer):
            return None
        if self.body is not None:
            if not self.is_truncated and (self._decoder is not None or self.body.resumable is not None):
                self._check_whole(self.body)
            return None
        if status in _NO_PART and transfer.body is not None:
            raise UnfitPartError(transfer.url, "a range that is not satisfiable, for a partial body")
        retry_after = parse_retry_after(self.headers.get("retry-after"), datetime.now(UTC))
        raise HttpStatusError(transfer.url, status, retry_after)

    def give_up(self, *, for_good: bool) -> None:
        """Return an incomplete body to the transfer if it can be resumed; discard it otherwise, or if `for_good`."""
        body, self.body, self._straight = self.body, None, None
        if body is None:
            return
        if not for_good and body.keep():
            self.transfer.body = body
        else:
            self.transfer.sink.discard(body)

    def content_of_error(self) -> bytes:
        """The first `MAX_UNWANTED` bytes of the decoded body of an error response; empty if the sink needs none."""
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

    def truncated(self) -> TruncatedBodyError:
        """The error for a connection closed within the body."""
        note = None if self.body is None else self.body.resumable
        if self.body is None or note is None:
            return TruncatedBodyError(self.transfer.url, length_in(self.headers), self.received)
        return TruncatedBodyError(self.transfer.url, note.expected, self.body.size)

    def _head(self) -> Head:
        head = find_head(self.lines)
        if head.interim > MAX_INTERIM:
            found = f"{head.interim:,} interim responses (1xx), of which at most {MAX_INTERIM:,} are allowed"
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
            self.is_truncated = True
        body.write(piece)
        if body.takes_note:
            self._note(body)
        # libcurl passes chunks of at most 16 KiB, so a large file takes the fast path from here.
        self._straight = body.straight if self._decoder is None else None

    def _note(self, body: Body) -> None:
        """Set resume information if the response has a strong ETag and no content encoding."""
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
    """Check that a 206 response continues a partial body of `size` bytes, and is of the same version.

    Raises:
        UnfitPartError: the response does not match.
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
        raise UnfitPartError(url, f"a part that does not continue the body at byte {size:,} ({named})")
