"""Everything that can go wrong in the engine, as one small tree.

    IngestError
    ├── ItemError              one item fails, the others go on
    │   ├── ConnectionFailedError, TlsError, TransferTimeoutError, ProtocolError     the way to the server
    │   ├── WorkerLostError                                                          the process that downloads it
    │   ├── RefusedAddressError, RefusedUrlError, RefusedHeaderError,
    │   │   RobotsRefusedError, MissingSecretError                                   what we do not ask for
    │   ├── HttpStatusError, TooManyRedirectsError                                   what the server answered
    │   ├── TruncatedBodyError, TooLargeError, ContentEncodingError                  what came over
    │   └── NotJsonError, MissingPathError, TooManyPagesError, PageError             what it should have been
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
"""HTTP statuses that may heal: RFC 9110 (408, 5xx), RFC 8470 (425), RFC 6585 (429)."""
LONGEST_RETRY_AFTER = 600.0
"""Seconds; a server that asks for more (`Retry-After`) is asked again by the next run."""
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
"""What to do about an error of the file system, by its number."""


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
    """Whether the same request may succeed when it is sent again soon; one rule, for clients and for tasks."""
    if isinstance(error, HttpStatusError) and (error.retry_after or 0) > LONGEST_RETRY_AFTER:
        return False
    return isinstance(error, IngestError) and error.transient


@dataclass(eq=True, unsafe_hash=True)
class ItemError(IngestError):
    """One item fails; `url` is what was asked for, redacted; `attempts` is how often it was tried.

    `kept` is how many bytes of it wait for the next run.
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
    """No connection, or it broke before the answer was whole; `reason` is the system's own word."""

    reason: str
    transient = True
    says = "expected an answer, found no working connection: {reason}"


@dataclass(eq=True, unsafe_hash=True)
class TlsError(ItemError):
    """The server's certificate was refused or no common protocol was found."""

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
    """The answer breaks HTTP's own rules."""

    reason: str
    transient = True
    says = "expected an HTTP answer, found: {reason}"


@dataclass(eq=True, unsafe_hash=True)
class WorkerLostError(ItemError):
    """Processes that downloaded the item ended before it did; `status` is the exit status of the last one, below 0 the
    number of a signal.
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

    `remedy` is a sentence on what to do if the host is meant.
    """

    host: str
    address: str
    remedy: str = field(default="If this host is meant, list it in allow_private_hosts of the source", compare=False)

    def explanation(self) -> str:
        at = "" if self.host == self.address else f" ({self.address})"
        return f"expected a public address, found {self.host}{at}; nothing was sent. {self.remedy}"


@dataclass(eq=True, unsafe_hash=True)
class RefusedUrlError(ItemError):
    """The URL, or the target of a redirect, is not one that is asked for; `reason` is what was found."""

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
    """The secret that the source is asked with has no value; `secret` is its reference, `remedy` says what to do."""

    secret: str
    remedy: str = field(compare=False)
    says = "expected a value of {secret} (auth of the source), found none; nothing was sent. {remedy}"


@dataclass(eq=True, unsafe_hash=True)
class RobotsRefusedError(ItemError):
    """The host's robots.txt asks not to fetch this page."""

    says = "the host's robots.txt asks not to fetch this page; it was not asked for"


@dataclass(eq=True, unsafe_hash=True)
class HttpStatusError(ItemError):
    """The server answered with a status that brings no content; `retry_after` in seconds, where it named one.

    `is_noted` says that the index has noted it, and that the same answer to the next run withdraws the URL.
    """

    status: int
    retry_after: float | None = None
    is_noted: bool = field(default=False, compare=False, kw_only=True)

    @property
    def transient(self) -> bool:  # type: ignore[override]  # here it depends on the status
        """Whether the status is one that may heal."""
        return self.status in TRANSIENT_STATUSES

    @property
    def is_gone(self) -> bool:
        """Whether the server says that nothing is there (404) or that it is gone for good (410)."""
        return self.status in GONE_STATUSES

    def explanation(self) -> str:
        try:
            phrase = f" {HTTPStatus(self.status).phrase}"
        except ValueError:
            phrase = ""
        noted = "; if the next run finds the same, the URL is withdrawn (on_gone: withdraw)" if self.is_noted else ""
        return f"expected status 200, found {self.status}{phrase}{noted}"


@dataclass(eq=True, unsafe_hash=True)
class TooManyRedirectsError(ItemError):
    """More redirects than the limit."""

    limit: int
    says = "expected at most {limit} redirects, found more"


@dataclass(eq=True, unsafe_hash=True)
class TruncatedBodyError(ItemError):
    """The body ended early; `expected` and `received` in bytes, `expected` is `None` for a chunked answer."""

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
    """The body came in a Content-Encoding that is unknown, or that it does not keep to."""

    encoding: str
    says = "expected the bytes as they are, found Content-Encoding {encoding!r} that cannot be decoded"


@dataclass(eq=True, unsafe_hash=True)
class NotJsonError(ItemError):
    """The answer of an API is not JSON; it is kept in the store."""

    reason: str
    says = "expected JSON, found: {reason}; the raw answer is kept"


@dataclass(eq=True, unsafe_hash=True)
class MissingPathError(ItemError):
    """The answer of an API has another shape than its settings say; it is kept in the store."""

    path: str
    expected: str
    found: str
    says = "expected {expected} at '{path}', found {found}; the raw answer is kept"


@dataclass(eq=True, unsafe_hash=True)
class TooManyPagesError(ItemError):
    """An API went on after the largest number of pages that its settings allow, or repeated itself."""

    limit: int
    says = "expected the last page within {limit:,} (pages.max), found more; the pages read so far are kept"


@dataclass(eq=True, unsafe_hash=True)
class PageError(ItemError):
    """A page or sitemap cannot be read as one."""

    reason: str

    def explanation(self) -> str:
        return self.reason


@dataclass(eq=True, unsafe_hash=True)
class DatasetError(IngestError):
    """A dataset or a report cannot be made from what is there."""

    dataset: str
    reason: str

    def __str__(self) -> str:
        return f"{self.dataset}: {self.reason}"


@dataclass(eq=True, unsafe_hash=True)
class StoreError(IngestError):
    """The store cannot be used: the run fails. `path` is where, `reason` what happened, `advice` what to do."""

    remedy: ClassVar[str] = "what was stored before is whole, and the next run does the rest"
    path: str
    reason: str
    advice: str = field(default="", compare=False, kw_only=True)

    @classmethod
    def of(cls, error: OSError, path: object) -> Self:
        """An error of the operating system; `path` is named where it names none itself."""
        where = error.filename2 or error.filename or path  # of a renaming, where to
        return cls(str(where), error.strerror or str(error), advice=ADVICE.get(error.errno or 0, ""))

    def __str__(self) -> str:
        advice = f"; {self.advice}" if self.advice else ""
        return f"{self.path}: {self.reason}{advice}; {self.remedy}"


@dataclass(eq=True, unsafe_hash=True)
class DamagedObjectError(StoreError):
    """The bytes of an object are not those of its digest."""

    remedy = "run with --force to fetch it again, `store verify` names all that is damaged"


@dataclass(eq=True, unsafe_hash=True)
class DamagedManifestError(StoreError):
    """A manifest cannot be read or does not fit its place."""

    remedy = "its object may be whole: `store verify` says so"


@dataclass(eq=True, unsafe_hash=True)
class DamagedIndexError(StoreError):
    """The index is no database that can be read, or none of ours."""

    remedy = "`store reindex` builds it anew from the manifests"
