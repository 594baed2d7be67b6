"""A transfer: a request on its way. It outlives exchanges, from redirect to redirect and from attempt to attempt."""

from airnub_core.http.body_sink import Body, Response, Sink
from airnub_core.http.cookies import Cookies
from airnub_core.http.headers import sendable
from airnub_core.http.redirects import Going, sent_on
from airnub_core.http.request import Content, Request
from airnub_core.http.url import Url, parse_url
from airnub_core.store.partials import Note

IDEMPOTENT = frozenset({"GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"})
"""Methods that may be repeated without being asked for (RFC 9110, 9.2.2)."""


class Transfer:
    """What is to be asked next for a job, and what came of it so far; the schedule knows it by its host."""

    __slots__ = (
        "attempts",
        "body",
        "content",
        "cookies",
        "headers",
        "host",
        "is_given_up",
        "is_truncated",
        "job",
        "last",
        "last_content",
        "method",
        "most_attempts",
        "original",
        "per_host",
        "per_second",
        "redirects",
        "sent",
        "sink",
        "started",
        "target",
    )

    def __init__(
        self,
        job: Request,
        sink: Sink,
        *,
        cookies: Cookies | None = None,
        method: str = "GET",
        content: Content | None = None,
        may_repeat: bool | None = None,
    ) -> None:
        """Read the URL.

        Args:
            job: what is asked for, and within which limits.
            sink: where the answer goes.
            cookies: of the source; `None` for those of this job alone.
            method: of the request, in upper case.
            content: its body.
            may_repeat: whether it may be asked again; `None`: where its method is idempotent.

        Raises:
            RefusedUrlError, RefusedHeaderError: it cannot be asked for.
        """
        self.job = job
        self.sink = sink
        self._go_to(parse_url(job.asked.url, job.asked.url))
        self.per_host = job.limits.connections_per_host
        self.per_second = job.limits.requests_per_second_per_host
        self.attempts = 0
        self.redirects = 0
        self.started = 0.0
        """When the attempt began, by the monotonic clock."""
        self.sent = 0.0
        """When the last request was begun, by the clock `elapsed`."""
        self.body: Body | None = None
        """What came in an earlier attempt or run, and can be resumed."""
        self.headers = sendable(job.asked.url, job.headers) if job.headers else {}
        """Of the source, as long as the way leads to its own origin."""
        self.cookies = cookies
        self.method = method
        self.content = content
        self.original = method, content, cookies
        """As the first request of an attempt has them."""
        repeatable = method in IDEMPOTENT if may_repeat is None else may_repeat
        if content is not None and not content.can_rewind:
            repeatable = False
        self.most_attempts = job.limits.attempts if repeatable else 1
        self.last: Response | None = None
        """The last answer that was an error."""
        self.last_content = b""
        self.is_truncated = False
        """Whether that is only the beginning of its body."""
        self.is_given_up = False

    @property
    def url(self) -> str:
        """What was asked for at first; errors name it."""
        return self.job.asked.url

    @property
    def part(self) -> Note | None:
        """What is known of the bytes that are there already; the rest is asked for."""
        return None if self.body is None else self.body.resumable

    def send_on(self, target: Url, status: int) -> None:
        """A redirect. Another origin gets no header of the source and no body; nor are they there again behind it.

        Args:
            target: where to.
            status: of the redirect, which says whether the method stays (RFC 9110, 15.4).

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
        """Another attempt begins with the URL of the job."""
        self.method, self.content, self.cookies = self.original
        if self.redirects:
            self.redirects = 0
            self._go_to(parse_url(self.url, self.url))
            self.headers = sendable(self.url, self.job.headers)
        if self.content is not None:
            self.content.rewind()

    def _go_to(self, target: Url) -> None:
        self.target = target
        self.host = f"{target.host}:{target.port}"

    def asks(self) -> list[str]:
        """The header lines that it sends beyond those of all requests: a part has no other validator than its own."""
        lines: list[str] = []
        for name, value in self.headers.items():
            if name != "cookie":
                # To libcurl a header without a value is one that is not to be sent.
                lines.append(f"{name}: {value}" if value else f"{name};")
        if self.body is not None and (part := self.body.resumable) is not None:
            return [*lines, f"Range: bytes={self.body.size}-", f"If-Range: {part.etag}"]
        if self.job.etag:
            lines.append(f"If-None-Match: {self.job.etag}")
        if self.job.last_modified:
            lines.append(f"If-Modified-Since: {self.job.last_modified}")
        return lines

    @property
    def is_conditional(self) -> bool:
        """Whether the server may answer that nothing changed."""
        return self.part is None and bool(self.job.etag or self.job.last_modified)
