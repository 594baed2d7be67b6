"""Manifests: JSON files beside objects with the origin of their bytes; only this module reads and writes them.

A manifest is a frozen dataclass that Pydantic validates on reading, not a Pydantic model: worker processes only write
manifests, and importing Pydantic for that makes a set of 3,000 small files take 1.2 times the processor time and 1.65
times as long (benchmarks/README.md). Creating a manifest takes 28 µs, against 21 µs with a model.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime
from functools import cache
from hashlib import sha256
from json import JSONEncoder
from json.encoder import encode_basestring
from operator import attrgetter
from typing import TYPE_CHECKING, Annotated, Any, Literal, Protocol, Self

from airnub_common import ALGORITHM, redact_url
from airnub_core.errors import DamagedManifestError
from airnub_core.store.layout import object_path

if TYPE_CHECKING:
    from pathlib import Path

    from pydantic import AwareDatetime, Field, TypeAdapter, ValidationError

SCHEMA_VERSION = 1

HEADERS_WORTH_KEEPING = frozenset(
    {
        "cache-control",
        "content-disposition",
        "content-encoding",
        "content-language",
        "content-length",
        "content-type",
        "date",
        "etag",
        "expires",
        "last-modified",
    }
)


class Requested(Protocol):
    """The data of a request that a manifest contains, such as a `Request`; its URLs are complete, not redacted."""

    @property
    def source(self) -> str: ...
    @property
    def url(self) -> str: ...
    @property
    def url_digest(self) -> str: ...
    @property
    def page(self) -> str | None: ...
    @property
    def title(self) -> str | None: ...
    @property
    def previous_digest(self) -> str | None: ...


class Received(Protocol):
    """The data of a response that a manifest contains, such as a `Response`."""

    @property
    def request(self) -> Requested: ...
    @property
    def final_url(self) -> str: ...
    @property
    def headers(self) -> Mapping[str, str]: ...
    @property
    def sent_at(self) -> str: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """The origin of one object from one URL. URLs are redacted; `url_digest` is the SHA-256 of the complete URL.

    The file has the fields in this order. Unknown fields, written by newer versions, are ignored.
    """

    schema_version: Annotated[int, Field(ge=1)] = SCHEMA_VERSION
    source: str
    url: str
    url_digest: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    page: str | None = None
    """The page that the link was found on."""
    title: str | None = None
    """The text of the link."""
    final_url: str
    """The URL after redirects."""
    path: str
    """Path of the object, relative to the store's root, with `/`."""
    file_name: str
    original_file_name: str
    """The file name from the response headers or the URL."""
    digest: Annotated[str, Field(pattern=r"^sha256:[0-9a-f]{64}$")]
    algorithm: Literal["sha256"] = "sha256"
    size: Annotated[int, Field(ge=0)]
    """Size in bytes."""
    content_type: str | None = None
    headers: dict[str, str] = field(default_factory=dict)
    fetched_at: AwareDatetime
    """When the request was sent, by the clock of the index; in UTC."""
    previous_digest: Annotated[str, Field(pattern=r"^sha256:[0-9a-f]{64}$")] | None = None
    """The previous digest of the URL, from the index at the time of the request."""
    derived_from: tuple[Annotated[str, Field(pattern=r"^sha256:[0-9a-f]{64}$")], ...] = ()
    """Digests of the objects that a derived object was made from."""

    @classmethod
    def of(
        cls,
        received: Received,
        file_name: str,
        original: str,
        size: int,
        hex_digits: str,
        derived_from: tuple[str, ...] = (),
    ) -> Self:
        """Create the manifest of a response body; `original` is its file name in the response headers or the URL."""
        asked, headers = received.request, received.headers
        digest = f"{ALGORITHM}:{hex_digits}"
        url = redact_url(asked.url)
        return cls(
            source=asked.source,
            url=url,
            url_digest=asked.url_digest,
            page=None if asked.page is None else redact_url(asked.page),
            title=asked.title,
            final_url=url if received.final_url == asked.url else redact_url(received.final_url),
            path=object_path(asked.source, hex_digits, file_name),
            file_name=file_name,
            original_file_name=original,
            digest=digest,
            size=size,
            content_type=headers.get("content-type"),
            headers={name: value for name, value in headers.items() if name in HEADERS_WORTH_KEEPING},
            fetched_at=datetime.fromisoformat(received.sent_at),
            previous_digest=asked.previous_digest if asked.previous_digest != digest else None,
            derived_from=derived_from,
        )

    @classmethod
    def read(cls, path: Path) -> Manifest:
        """Read a manifest from a file.

        Raises:
            DamagedManifestError: the file cannot be read, or is not a manifest.
        """
        try:
            content = path.read_bytes()
        except OSError as error:
            raise DamagedManifestError(str(path), error.strerror or str(error)) from error
        return cls.parse(content, str(path))

    @classmethod
    def parse(cls, content: bytes, where: str) -> Manifest:
        """Parse a manifest; `where` is its path for messages.

        Raises:
            DamagedManifestError: the content is not a manifest.
        """
        from pydantic import ValidationError

        try:
            return _reader().validate_json(content)
        except ValidationError as error:
            raise damaged(where, "a manifest", error) from error

    def as_json(self) -> dict[str, Any]:
        """Return the fields as JSON values: text, numbers, lists and objects."""
        values = dict(zip(_FIELDS, _VALUES(self), strict=True))
        written = self.fetched_at.isoformat()
        values["fetched_at"] = f"{written[:-6]}Z" if written.endswith("+00:00") else written
        values["derived_from"] = list(self.derived_from)
        return values

    def as_bytes(self) -> bytes:
        """Return the manifest as indented JSON in UTF-8."""
        # The text of `json.dumps` with `indent=2`, which takes 230 Python calls, and these are for every file.
        lines: list[str] = []
        for name, value in self.as_json().items():
            if value is None:
                text = "null"
            elif isinstance(value, str):
                text = encode_basestring(value)
            elif value and isinstance(value, dict | list):
                text = _ENTRIES.encode(value)
                text = f"{text[0]}\n    {text[1:-1]}\n  {text[-1]}"
            else:
                text = str(value)  # a number, or an empty object or list
            lines.append(f'  "{name}": {text}')
        # A lone surrogate cannot be encoded in UTF-8, but JSON can escape it.
        return ("{\n" + ",\n".join(lines) + "\n}\n").encode(errors="backslashreplace")


_FIELDS = tuple(one.name for one in fields(Manifest))
_VALUES = attrgetter(*_FIELDS)
_ENTRIES = JSONEncoder(ensure_ascii=False, separators=(",\n    ", ": "))


@cache
def _reader() -> TypeAdapter[Manifest]:
    from pydantic import AwareDatetime, Field, TypeAdapter  # noqa: F401  # names of the annotations above

    return TypeAdapter(Manifest)


def damaged(where: str, expected: str, error: ValidationError) -> DamagedManifestError:
    """The error for a JSON file of the store that is invalid, with the first invalid field."""
    first = error.errors(include_url=False, include_input=False)[0]
    at = ".".join(map(str, first["loc"])) or "the complete file"
    return DamagedManifestError(where, f"expected {expected}, found {at}: {first['msg']}")


def url_digest(url: str) -> str:
    """SHA-256 of a URL as 64 hexadecimal digits: the key of the URL, which reveals no secret in it."""
    return sha256(url.encode()).hexdigest()
