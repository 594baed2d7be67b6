"""An errand: a job on its way. It outlives exchanges, from redirect to redirect and from attempt to attempt."""

from airnub_core.download.job import Job
from airnub_core.download.landing import Body
from airnub_core.network.headers import sendable
from airnub_core.network.targets import Target, target_of
from airnub_core.store.partials import ResumeInfo


class Errand:
    """What is to be asked next for a job, and what came of it so far; the schedule knows it by its host."""

    __slots__ = (
        "attempts",
        "body",
        "headers",
        "host",
        "job",
        "per_host",
        "per_second",
        "redirects",
        "sent",
        "started",
        "target",
    )

    def __init__(self, job: Job) -> None:
        """Read the URL.

        Raises:
            RefusedUrlError, RefusedHeaderError: it cannot be asked for.
        """
        self.job = job
        self._go_to(target_of(job.asked.url, job.asked.url))
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

    @property
    def url(self) -> str:
        """What was asked for at first; errors name it."""
        return self.job.asked.url

    @property
    def part(self) -> ResumeInfo | None:
        """What is known of the bytes that are there already; the rest is asked for."""
        return None if self.body is None else self.body.resumable

    def send_on(self, target: Target) -> None:
        """A redirect."""
        self.redirects += 1
        if target.origin != self.target.origin:
            self.headers = {}
        self._go_to(target)

    def back_to_start(self) -> None:
        """Another attempt begins with the URL of the job."""
        if self.redirects:
            self.redirects = 0
            self._go_to(target_of(self.url, self.url))
            self.headers = sendable(self.url, self.job.headers)

    def _go_to(self, target: Target) -> None:
        self.target = target
        self.host = f"{target.host}:{target.port}"

    def asks(self) -> list[str]:
        """The header lines that it sends beyond those of everybody: a part has no other validator than its own."""
        lines = [f"{name}: {value}" for name, value in self.headers.items()]
        if (part := self.part) is not None:
            assert self.body is not None, "a part has a body"
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
