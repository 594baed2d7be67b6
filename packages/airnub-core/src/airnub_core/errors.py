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
    │   └── NoObjectsError
    └── StoreError             the run fails
        └── DamagedObjectError, DamagedManifestError, DamagedIndexError

Each has `transient`, whether a retry may help, compares by its fields, survives pickling, and redacts its URL.
"""

import errno
import signal
from dataclasses import Field, dataclass, field, fields
from functools import partial
from http import HTTPStatus
from typing import Any, ClassVar, Self, dataclass_transform

from airnub_common import redact_text, redact_url
from airnub_core.moved import MOVED

_PHRASES = {status.value: f" {status.phrase}" for status in HTTPStatus}
ADVICE = {
    errno.ENOSPC: "free space, or inodes, on its file system",
    errno.EDQUOT: "free space, or raise the quota of this user",
    errno.EROFS: "mount its file system for writing",
    **dict.fromkeys((errno.EACCES, errno.EPERM), "give this user the right to write there"),
    errno.EIO: "check the disk and the kernel's log",
    errno.EMFILE: "raise the limit of open files (ulimit -n)",
}
"""What to do about a file system error, by its errno."""
AGAIN = "run again, which continues where it stopped"
"""What to do after the cause of a `StoreError` is gone."""


@dataclass_transform(eq_default=False, field_specifiers=(field,))
@dataclass(eq=False)
class IngestError(Exception):
    """Root of the tree; `str()` is what was expected, what was found and what to do."""

    transient: ClassVar[bool] = False
    """Whether the same request may succeed later."""

    def __init_subclass__(cls) -> None:
        declared = {name: value for name, value in vars(cls).items() if isinstance(value, Field)}
        dataclass(eq=False)(cls)
        # A subclass may have a decorator of its own too, which reads these again.
        for name, value in declared.items():
            setattr(cls, name, value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, IngestError) and type(other) is type(self) and self._compared() == other._compared()

    def __hash__(self) -> int:
        return hash((type(self), self._compared()))

    def _compared(self) -> tuple[Any, ...]:
        return tuple(getattr(self, one.name) for one in fields(self) if one.compare)

    def __reduce__(self) -> tuple[Any, ...]:
        """Exceptions pickle only positional arguments by themselves; these are rebuilt from their fields."""
        return partial(type(self), **{one.name: getattr(self, one.name) for one in fields(self)}), ()

    def as_json(self) -> dict[str, str | bool]:
        """`{"type", "message", "transient"}`, as published in the outcome of an item."""
        return {"type": type(self).__name__, "message": str(self), "transient": self.transient}


class ItemError(IngestError):
    """One item failed; `url` is redacted; the next run resumes after the `kept` bytes of a partial download."""

    says: ClassVar[str]  # the explanation, with fields of the error in braces
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
        kept = f"; {self.kept:,} bytes are kept, and the next run resumes from there" if self.kept else ""
        return f"{self.url}: {redact_text(self.explanation())}{gave_up}{kept}"


class ConnectionFailedError(ItemError):
    """The connection failed, or broke before the response was complete; `reason` is the system's message."""

    reason: str
    transient = True
    says = "expected a response, found no working connection: {reason}"


class TlsError(ItemError):
    """The server's certificate is not trusted, or no common TLS version was found."""

    reason: str
    says = "expected a certificate that this machine trusts, found: {reason}"


class TransferTimeoutError(ItemError):
    """A time limit was reached; `limit` is the setting's name, `seconds` its value."""

    limit: str
    seconds: float
    transient = True

    def explanation(self) -> str:
        what = {"connect_timeout": "a connection", "stall_timeout": "a byte", "total_timeout": "a complete response"}
        return f"expected {what[self.limit]} within {self.seconds:g} s ({self.limit}), found none"


class ProtocolError(ItemError):
    """The response violates the HTTP protocol."""

    reason: str
    transient = True
    says = "expected an HTTP response, found: {reason}"


class WorkerLostError(ItemError):
    """The downloading process exited in each attempt; `status` is the last exit status, negative for a signal."""

    status: int
    transient = True

    def explanation(self) -> str:
        how = f"killed by signal {-self.status}" if self.status < 0 else f"exit status {self.status}"
        cause = "; is there enough memory?" if self.status == -signal.SIGKILL else ""
        return f"expected the download to complete, found that its process exited first ({how}){cause}"


class RefusedAddressError(ItemError):
    """The host is, or resolves to, a blocked address (`http.ssrf`); `remedy` is a sentence on how to allow it."""

    host: str
    address: str
    remedy: str = field(default="To allow it, list it in allow_private_hosts of the source", compare=False)

    def explanation(self) -> str:
        at = "" if self.host == self.address else f" ({self.address})"
        return f"expected a public address, found {self.host}{at}; nothing was sent. {self.remedy}"


class RefusedUrlError(ItemError):
    """The URL, or the target of a redirect, is not allowed; `reason` is what was found."""

    reason: str
    expected: str = "an http or https URL with a host"
    says = "expected {expected}, found {reason}"


class RefusedHeaderError(ItemError):
    """A header of the source cannot be sent; its value may be a secret and is not shown."""

    header: str
    says = "expected visible ASCII characters in header {header!r}, found others; nothing was sent"


class MissingSecretError(ItemError):
    """The secret of the source's `auth` has no value; `secret` is its reference, `remedy` is what to do."""

    secret: str
    remedy: str = field(compare=False)
    says = "expected a value of {secret} (auth of the source), found none; nothing was sent. {remedy}"


class RobotsRefusedError(ItemError):
    """The host's robots.txt disallows this page."""

    says = "expected a page that the host's robots.txt allows, found it disallowed; nothing was sent"


class HttpStatusError(ItemError):
    """The response has an error status; if it is noted in the index, the same one in the next run withdraws the URL."""

    status: int
    retry_after: float | None = None
    """Value of Retry-After in seconds, if sent."""
    is_noted: bool = field(default=False, compare=False, kw_only=True)

    @property
    def transient(self) -> bool:  # type: ignore[override]  # here it depends on the status
        """Whether the status is retryable: RFC 9110 (408, 5xx), RFC 8470 (425), RFC 6585 (429)."""
        return self.status in {408, 425, 429} or 500 <= self.status < 600

    @property
    def is_gone(self) -> bool:
        """Whether the status is 404 (not found) or 410 (gone), for which `on_gone: withdraw` withdraws the URL."""
        return self.status in {HTTPStatus.NOT_FOUND, HTTPStatus.GONE}

    def explanation(self) -> str:
        phrase = _PHRASES.get(self.status, "")
        noted = "; if the next run finds the same, the URL is withdrawn (on_gone: withdraw)" if self.is_noted else ""
        login = "; check the credentials of the source" if self.status == HTTPStatus.UNAUTHORIZED else ""
        return f"expected status 200, found {self.status}{phrase}{login}{noted}"


class TooManyRedirectsError(ItemError):
    """The server sent more redirects than the limit."""

    limit: int
    says = "expected at most {limit} redirects, found more"


class TruncatedBodyError(ItemError):
    """The body ended early; `expected` and `received` are in bytes, `expected` is `None` for a chunked response."""

    expected: int | None
    received: int
    transient = True

    def explanation(self) -> str:
        promised = "a last chunk" if self.expected is None else f"{self.expected:,} bytes (Content-Length)"
        return f"expected {promised}, received {self.received:,} bytes and then the end"


class TooLargeError(ItemError):
    """The body, decoded, is larger than `limit` bytes (`max_bytes`)."""

    limit: int
    says = "expected at most {limit:,} bytes (max_bytes), found more; the partial body was deleted"


class ContentEncodingError(ItemError):
    """The Content-Encoding of the body is unsupported, or the body is not valid in it."""

    encoding: str
    says = "expected a body that can be decoded, found unsupported or invalid Content-Encoding {encoding!r}"


class NotJsonError(ItemError):
    """The response of an API is not valid JSON; the store keeps it."""

    reason: str
    says = "expected JSON, found: {reason}; the response is kept in the store"


class MissingPathError(ItemError):
    """The response of an API lacks a configured path, or has a wrong type there; the store keeps the response."""

    path: str
    expected: str
    found: str
    says = "expected {expected} at '{path}', found {found}; the response is kept in the store"


class TooManyPagesError(ItemError):
    """Pagination of an API exceeded the largest number of pages allowed (`pages.max`)."""

    limit: int
    says = "expected the last page within {limit:,} (pages.max), found more; the pages read so far are kept"


class PageError(ItemError):
    """A page or sitemap cannot be parsed."""

    reason: str
    says = "{reason}"


class DatasetError(IngestError):
    """A dataset or a report cannot be made from its inputs."""

    dataset: str
    reason: str

    def __str__(self) -> str:
        return f"{self.dataset}: {self.reason}"


class NoObjectsError(DatasetError):
    """A dataset has no version yet, and its sources have no objects."""


class StoreError(IngestError):
    """The store cannot be read or written, and the run fails; `reason` is the error, `advice` what to do."""

    remedy: ClassVar[str] = "objects stored before are intact, and the next run continues"
    path: str
    reason: str
    advice: str = field(default="", compare=False, kw_only=True)

    @classmethod
    def of(cls, error: OSError, path: object) -> Self:
        """Convert an error of the operating system; `path` is used if the error has no file name itself."""
        where = str(error.filename2 or error.filename or path)  # filename2 is the target of a rename
        return cls(where, error.strerror or str(error), advice=ADVICE.get(error.errno or 0, ""))

    def __str__(self) -> str:
        if self.advice and self.remedy == StoreError.remedy:
            return f"{self.path}: {self.reason}; {self.advice}, then {AGAIN}; objects stored before are intact"
        return "; ".join(filter(None, (f"{self.path}: {self.reason}", self.advice, self.remedy)))


class DamagedObjectError(StoreError):
    """The bytes of an object do not match its digest."""

    remedy = "run the ingestion with --force to fetch it again; `store verify` lists all damaged files"


class DamagedManifestError(StoreError):
    """A manifest cannot be read, or does not belong to its path."""

    remedy = "its object may be intact; `store verify` checks it"


class DamagedIndexError(StoreError):
    """The index is not a readable database, or not one of airnub."""

    remedy = "`store reindex` rebuilds it from the manifests"


def __getattr__(name: str) -> Any:
    return MOVED.renamed(__name__, name)
