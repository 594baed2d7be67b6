"""Requests and responses as plain values, and the transfer: a request in progress over redirects and retries."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple, Protocol

from airnub_common import ALGORITHM, redact_url
from airnub_core.errors import ItemError
from airnub_core.http.headers import sendable
from airnub_core.http.limits import Limits
from airnub_core.http.redirects import Going, sent_on
from airnub_core.http.url import Url, parse_url
from airnub_core.store.layout import Staged

if TYPE_CHECKING:  # processes that download need no index
    from airnub_core.http.body_sink import Body, Sink
    from airnub_core.http.cookies import Cookies
    from airnub_core.store.index import IndexRow
    from airnub_core.store.partials import ResumeInfo

IDEMPOTENT = frozenset({"GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"})
"""Idempotent methods, which are retried by default (RFC 9110, 9.2.2)."""


class Request(NamedTuple):
    """A request for one URL of one source, with the source's limits."""

    number: int
    """Identifies the request within one call."""
    source: str
    url: str
    """The complete URL; it is redacted wherever it is written."""
    url_digest: str
    """The key of the URL in the index; empty if the response is not stored."""
    limits: Limits
    headers: Mapping[str, str] = {}
    """Request headers of the source, including secrets; sent only to the URL's own origin."""
    etag: str | None = None
    """Validator of the known version; the server may answer 304."""
    last_modified: str | None = None
    """The second validator."""
    previous_digest: str | None = None
    """Digest of the bytes that the index has for the URL."""
    page: str | None = None
    """The page that the URL was found on."""
    title: str | None = None
    """Title of the link on that page."""
    clock: float = 0.0
    """Offset from `elapsed` to the time of the index, in seconds since 1970."""
    known: "IndexRow | None" = None
    """The row of the URL in the index; the last field, since it is not sent to downloading processes."""

    def __repr__(self) -> str:
        """Without what may be secret: code of departments is given responses, and may print them."""
        return f"Request(number={self.number}, source={self.source!r}, url={redact_url(self.url)!r})"


class Response(NamedTuple):
    """The result of a request: an HTTP response, or an error."""

    request: Request
    """First, since it stays in the process that has the index."""
    attempts: int
    error: ItemError | None = None
    status: int = 0
    final_url: str = ""
    """Where it came from after redirects, without what stands behind `#`."""
    headers: Mapping[str, str] = {}
    """Names in lower case, those of one name joined; for many files only `ETag` and `Last-Modified`."""
    sent_at: str = ""
    """When the request was sent that it answers, by the clock of the index: ISO 8601 in UTC."""
    staged: Staged | None = None
    """The body, where it is on its way into the store; `None` also where nothing changed since the known object."""
    content: bytes = b""
    """The body, where it was asked for in memory."""
    lines: Sequence[bytes] = ()
    """The header lines as they came, where the sink takes all answers; those of interim answers are not among them."""

    def __repr__(self) -> str:
        """As that of a request; without the bytes, too."""
        return f"Response({self.request!r}, status={self.status}, staged={self.staged!r}, error={self.error!r})"

    @property
    def digest(self) -> str:
        """Of the bytes that the URL has now."""
        if self.staged is not None:
            return f"{ALGORITHM}:{self.staged.hex_digits}"
        assert self.request.known is not None, "only what is known is asked with validators"
        return self.request.known.digest


class Content(Protocol):
    """The body of a request; read in the thread of the client."""

    @property
    def size(self) -> int | None:
        """In bytes; `None` where it is not known."""
        ...

    @property
    def can_rewind(self) -> bool:
        """Whether it can be sent again."""
        ...

    def rewind(self) -> None:
        """Begin again."""
        ...

    def read(self, most: int) -> bytes | None:
        """Up to so many bytes; none at the end, and `None` where there are none yet."""
        ...


class Transfer:
    """A request on its way, over redirects and attempts; the scheduler knows it by its host."""

    def __init__(
        self,
        request: Request,
        sink: "Sink",
        *,
        cookies: "Cookies | None" = None,
        method: str = "GET",
        content: Content | None = None,
        may_repeat: bool | None = None,
    ) -> None:
        """Read the URL.

        Args:
            request: what is asked for, and within which limits.
            sink: where the answer goes.
            cookies: of the source; `None` for those of this request alone.
            method: of the request, in upper case.
            content: its body.
            may_repeat: whether it may be asked again; `None`: where its method is idempotent.

        Raises:
            RefusedUrlError, RefusedHeaderError: it cannot be asked for.
        """
        limits = request.limits
        self.request = request
        self.limits = limits
        self.sink = sink
        self.url = request.url
        """What was asked for at first; errors name it."""
        self._go_to(parse_url(request.url, request.url))
        self.per_host = limits.connections_per_host
        self.per_second = limits.requests_per_second_per_host
        self.attempts = 0
        self.redirects = 0
        self.started = 0.0
        """When the attempt began, by the monotonic clock."""
        self.sent = 0.0
        """When the last request was begun, by the clock `elapsed`."""
        self.body: Body | None = None
        """What came in an earlier attempt or run, and can be resumed."""
        self.headers = sendable(request.url, request.headers) if request.headers else {}
        """Of the source, as long as the way leads to its own origin."""
        self.cookies = cookies
        self.method = method
        self.content = content
        self.original = method, content, cookies
        """As the first request of an attempt has them."""
        repeatable = method in IDEMPOTENT if may_repeat is None else may_repeat
        if content is not None and not content.can_rewind:
            repeatable = False
        self.most_attempts = limits.attempts if repeatable else 1
        self.last: Response | None = None
        """The last answer that was an error."""
        self.last_content = b""
        self.is_truncated = False
        """Whether that is only the beginning of its body."""

    @property
    def part(self) -> "ResumeInfo | None":
        """What is known of the bytes that are there already; the rest is asked for."""
        return None if self.body is None else self.body.resumable

    @property
    def is_conditional(self) -> bool:
        """Whether the server may answer that nothing changed."""
        return self.part is None and bool(self.request.etag or self.request.last_modified)

    def send_on(self, target: Url, status: int) -> None:
        """Follow a redirect. A different origin gets no headers of the source and no body, nor does any later redirect.

        Args:
            target: the URL to follow.
            status: the status of the redirect, which decides whether the method is kept (RFC 9110, 15.4).

        Raises:
            RefusedUrlError: the body of the request cannot be sent there.
        """
        going = Going(self.method, self.content, self.headers)
        self.method, self.content, self.headers = sent_on(self.url, going, self.target, target, status)
        if self.content is not None:
            self.content.rewind()
        self.redirects += 1
        self._go_to(target)

    def back_to_start(self) -> None:
        """Reset the transfer for a retry, which starts with the original URL."""
        self.method, self.content, self.cookies = self.original
        if self.redirects:
            self.redirects = 0
            self._go_to(parse_url(self.url, self.url))
            self.headers = sendable(self.url, self.request.headers)
        if self.content is not None:
            self.content.rewind()

    def asks(self) -> list[str]:
        """The header lines that it sends beyond those of all requests: a part has no other validator than its own."""
        lines: list[str] = []
        for name, value in self.headers.items():
            if name != "cookie":
                # To libcurl a header without a value is one that is not to be sent.
                lines.append(f"{name}: {value}" if value else f"{name};")
        if self.body is not None and (part := self.body.resumable) is not None:
            return [*lines, f"Range: bytes={self.body.size}-", f"If-Range: {part.etag}"]
        if self.request.etag:
            lines.append(f"If-None-Match: {self.request.etag}")
        if self.request.last_modified:
            lines.append(f"If-Modified-Since: {self.request.last_modified}")
        return lines

    def _go_to(self, target: Url) -> None:
        self.target = target
        self.host = f"{target.host}:{target.port}"
