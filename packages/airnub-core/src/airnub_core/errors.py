"""Errors of the engine, as one small tree.

    IngestError
    ├── ItemError              one item fails, the others go on
    │   ├── ConnectionFailedError, TlsError, TransferTimeoutError, ProtocolError     connection
    │   ├── WorkerLostError                                                          downloading process
    │   ├── RefusedAddressError, RefusedUrlError, RefusedHeaderError,
    │   │   RobotsRefusedError, MissingSecretError                                   requests that are not sent
    │   ├── HttpStatusError, TooManyRedirectsError                                   response status
    │   ├── TruncatedBodyError, TooLargeError, ContentEncodingError                  response body
    │   └── NotJsonError, MissingPathError, TooManyPagesError, PageError             parsed content
    ├── DatasetError           one dataset or report of a later stage fails
    └── StoreError             the run fails
        └── DamagedObjectError, DamagedManifestError, DamagedIndexError

Each says whether a retry may help (`transient`), compares by its fields, survives pickling, and redacts its URL.
"""

import errno
import signal
from dataclasses import dataclass, field, fields
from functools import partial
from http import HTTPStatus
from typing import Any, ClassVar, Self

from airnub_common import redact_text, redact_url

TRANSIENT_STATUSES = frozenset({408, 425, 429, *range(500, 600)})
"""Retryable HTTP statuses: RFC 9110 (408, 5xx), RFC 8470 (425), RFC 6585 (429)."""
LONGEST_RETRY_AFTER = 600.0
"""Seconds; after a longer `Retry-After` there is no retry in this run, and the next run requests the URL again."""
GONE_STATUSES = frozenset({404, 410})
"""HTTP statuses that withdraw a URL where its source says `on_gone: withdraw`."""

ADVICE = {
    errno.ENOSPC: "free space, or inodes, on its file system",
    errno.EDQUOT: "free space, or raise the quota of this user",
    errno.EROFS: "mount its file system for writing",
    errno.EACCES: "give this user the right to write there",
    errno.EPERM: "give this user the right to write there",
    errno.EIO: "check the disk and the kernel's log",
    errno.EMFILE: "raise the limit of open files (ulimit -n)",
}
"""What to do about a file system error, by its errno."""


@dataclass(eq=True, unsafe_hash=True)
class IngestError(Exception):
    """Root of the tree; `str()` says what was expected, what was found and what to do."""

    transient: ClassVar[bool] = False
    """Whether the same request may succeed later."""

    def __reduce__(self) -> tuple[Any, ...]:
        """Exceptions pickle only positional arguments by themselves; these are rebuilt from their fields."""
        return partial(type(self), **{one.name: getattr(self, one.name) for one in fields(self)}), ()

    def as_json(self) -> dict[str, str | bool]:
        """`{"type", "message", "transient"}`, as published in the outcome of an item."""
        return {"type": type(self).__name__, "message": str(self), "transient": self.transient}


def is_retryable(error: BaseException) -> bool:
    """Whether a retry of the same request may succeed; clients and tasks share this rule."""
    if isinstance(error, HttpStatusError) and (error.retry_after or 0) > LONGEST_RETRY_AFTER:
        return False
    return isinstance(error, IngestError) and error.transient


@dataclass(eq=True, unsafe_hash=True)
class ItemError(IngestError):
    """One item failed; `url` is the requested URL, redacted; `attempts` is the number of attempts.

    `kept` is the number of bytes of a partial download that the next run resumes from.
    """

    says: ClassVar[str]
    """What was expected and found, with the fields of the error in braces."""
    url: str
    attempts: int = field(default=1, compare=False, kw_only=True)
    kept: int = field(default=0, compare=False, kw_only=True)

    def __post_init__(self) -> None:
        self.url = redact_url(self.url)

    def explanation(self) -> str:
        """What was expected and found, without the URL."""
        return self.says.format_map(vars(self))

    def __str__(self) -> str:
        gave_up = f"; gave up after {self.attempts} attempts" if self.attempts > 1 else ""
        kept = f"; {self.kept:,} bytes are kept, and the next run goes on from there" if self.kept else ""
        return f"{self.url}: {redact_text(self.explanation())}{gave_up}{kept}"


@dataclass(eq=True, unsafe_hash=True)
class ConnectionFailedError(ItemError):
    """The connection failed, or broke before the response was complete; `reason` is the system's message."""

    reason: str
    transient = True
    says = "expected an answer, found no working connection: {reason}"


@dataclass(eq=True, unsafe_hash=True)
class TlsError(ItemError):
    """The server's certificate is not trusted, or no common TLS version was found."""

    reason: str
    says = "expected a certificate that this machine trusts, found: {reason}"


@dataclass(eq=True, unsafe_hash=True)
class TransferTimeoutError(ItemError):
    """A time limit was reached; `limit` is the setting's name, `seconds` its value."""

    limit: str
    seconds: float
    transient = True

    def explanation(self) -> str:
        what = {
            "connect_timeout": "a connection",
            "stall_timeout": "a byte",
            "total_timeout": "the whole answer",
        }[self.limit]
        return f"expected {what} within {self.seconds:g} s ({self.limit}), found none"


@dataclass(eq=True, unsafe_hash=True)
class ProtocolError(ItemError):
    """The response violates the HTTP protocol."""

    reason: str
    transient = True
    says = "expected an HTTP answer, found: {reason}"


@dataclass(eq=True, unsafe_hash=True)
class WorkerLostError(ItemError):
    """The downloading process exited before the item was complete, in each attempt.

    `status` is the exit status of the last process, negative for the number of a signal.
    """

    status: int
    transient = True

    def explanation(self) -> str:
        how = f"killed by signal {-self.status}" if self.status < 0 else f"exit status {self.status}"
        cause = "; is there enough memory?" if self.status == -signal.SIGKILL else ""
        return f"expected a process to download it, found that the process ended first ({how}){cause}"


@dataclass(eq=True, unsafe_hash=True)
class RefusedAddressError(ItemError):
    """The host is, or resolves to, an address that is not public, and `allow_private_hosts` does not allow it.

    `remedy` is a sentence that says how to allow the host.
    """

    host: str
    address: str
    remedy: str = field(default="If this host is meant, list it in allow_private_hosts of the source", compare=False)

    def explanation(self) -> str:
        at = "" if self.host == self.address else f" ({self.address})"
        return f"expected a public address, found {self.host}{at}; nothing was sent. {self.remedy}"


@dataclass(eq=True, unsafe_hash=True)
class RefusedUrlError(ItemError):
    """The URL, or the target of a redirect, is not allowed; `reason` is what was found."""

    reason: str
    expected: str = "an http or https URL with a host"
    says = "expected {expected}, found {reason}"


@dataclass(eq=True, unsafe_hash=True)
class RefusedHeaderError(ItemError):
    """A header of the source cannot be sent; its value may be a secret and is not shown."""

    header: str
    says = "expected visible ASCII characters in header {header!r}, found others; nothing was sent"


@dataclass(eq=True, unsafe_hash=True)
class MissingSecretError(ItemError):
    """The secret of the source's `auth` has no value; `secret` is its reference, `remedy` says what to do."""

    secret: str
    remedy: str = field(compare=False)
    says = "expected a value of {secret} (auth of the source), found none; nothing was sent. {remedy}"


@dataclass(eq=True, unsafe_hash=True)
class RobotsRefusedError(ItemError):
    """The host's robots.txt disallows this page."""

    says = "the host's robots.txt asks not to fetch this page; it was not asked for"


@dataclass(eq=True, unsafe_hash=True)
class HttpStatusError(ItemError):
    """The server answered with an error status; `retry_after` is the value of Retry-After in seconds, if sent.

    `is_noted` means that the index has noted it: the same status in the next run withdraws the URL.
    """

    status: int
    retry_after: float | None = None
    is_noted: bool = field(default=False, compare=False, kw_only=True)

    @property
    def transient(self) -> bool:  # type: ignore[override]  # here it depends on the status
        """Whether the status is retryable."""
        return self.status in TRANSIENT_STATUSES

    @property
    def is_gone(self) -> bool:
        """Whether the status is 404 (not found) or 410 (gone)."""
        return self.status in GONE_STATUSES

    def explanation(self) -> str:
        try:
            phrase = f" {HTTPStatus(self.status).phrase}"
        except ValueError:
            phrase = ""
        noted = "; if the next run finds the same, the URL is withdrawn (on_gone: withdraw)" if self.is_noted else ""
        login = "; check the credentials of the source" if self.status == HTTPStatus.UNAUTHORIZED else ""
        return f"expected status 200, found {self.status}{phrase}{login}{noted}"


@dataclass(eq=True, unsafe_hash=True)
class TooManyRedirectsError(ItemError):
    """The server sent more redirects than the limit."""

    limit: int
    says = "expected at most {limit} redirects, found more"


@dataclass(eq=True, unsafe_hash=True)
class TruncatedBodyError(ItemError):
    """The body ended early; `expected` and `received` are in bytes, `expected` is `None` for a chunked response."""

    expected: int | None
    received: int
    transient = True

    def explanation(self) -> str:
        promised = "a last chunk" if self.expected is None else f"{self.expected:,} bytes (Content-Length)"
        return f"expected {promised}, received {self.received:,} bytes and then the end"


@dataclass(eq=True, unsafe_hash=True)
class TooLargeError(ItemError):
    """The body, decoded, is larger than `limit` bytes (`max_bytes`)."""

    limit: int
    says = "expected at most {limit:,} bytes (max_bytes), found more; what had come was removed"


@dataclass(eq=True, unsafe_hash=True)
class ContentEncodingError(ItemError):
    """The Content-Encoding of the body is unsupported, or the body is not valid in it."""

    encoding: str
    says = "expected the bytes as they are, found Content-Encoding {encoding!r} that cannot be decoded"


@dataclass(eq=True, unsafe_hash=True)
class NotJsonError(ItemError):
    """The response of an API is not valid JSON; the store keeps it."""

    reason: str
    says = "expected JSON, found: {reason}; the raw answer is kept"


@dataclass(eq=True, unsafe_hash=True)
class MissingPathError(ItemError):
    """The response of an API lacks a configured path, or has a wrong type there; the store keeps the response."""

    path: str
    expected: str
    found: str
    says = "expected {expected} at '{path}', found {found}; the raw answer is kept"


@dataclass(eq=True, unsafe_hash=True)
class TooManyPagesError(ItemError):
    """Pagination of an API exceeded the largest number of pages allowed (`pages.max`)."""

    limit: int
    says = "expected the last page within {limit:,} (pages.max), found more; the pages read so far are kept"


@dataclass(eq=True, unsafe_hash=True)
class PageError(ItemError):
    """A page or sitemap cannot be parsed."""

    reason: str

    def explanation(self) -> str:
        return self.reason


@dataclass(eq=True, unsafe_hash=True)
class DatasetError(IngestError):
    """A dataset or a report cannot be made from its inputs."""

    dataset: str
    reason: str

    def __str__(self) -> str:
        return f"{self.dataset}: {self.reason}"


@dataclass(eq=True, unsafe_hash=True)
class StoreError(IngestError):
    """The store cannot be read or written, and the run fails; `reason` is the error, `advice` says what to do."""

    remedy: ClassVar[str] = "what was stored before is whole, and the next run does the rest"
    path: str
    reason: str
    advice: str = field(default="", compare=False, kw_only=True)

    @classmethod
    def of(cls, error: OSError, path: object) -> Self:
        """Convert an error of the operating system; `path` is used if the error has no file name itself."""
        where = error.filename2 or error.filename or path  # filename2 is the target of a rename
        return cls(str(where), error.strerror or str(error), advice=ADVICE.get(error.errno or 0, ""))

    def __str__(self) -> str:
        advice = f"; {self.advice}" if self.advice else ""
        return f"{self.path}: {self.reason}{advice}; {self.remedy}"


@dataclass(eq=True, unsafe_hash=True)
class DamagedObjectError(StoreError):
    """The bytes of an object do not match its digest."""

    remedy = "run with --force to fetch it again, `store verify` names all that is damaged"


@dataclass(eq=True, unsafe_hash=True)
class DamagedManifestError(StoreError):
    """A manifest cannot be read, or does not belong to its path."""

    remedy = "its object may be whole: `store verify` says so"


@dataclass(eq=True, unsafe_hash=True)
class DamagedIndexError(StoreError):
    """The index is not a readable database, or not one of airnub."""

    remedy = "`store reindex` builds it anew from the manifests"
