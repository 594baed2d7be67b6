"""Manifests: where the bytes of one object came from, as JSON beside it; the one place that writes and reads them.

A frozen dataclass that Pydantic checks when one is read, and not a model: the processes that download only write
manifests, and where they import Pydantic to do so, a set of 3,000 small files takes 1.2 times the processor time and
1.65 times as long (benchmarks/README.md). Making one is not what costs: 28 µs, and 21 with a model.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime
from functools import cache
from hashlib import sha256
from json import JSONEncoder
from json.encoder import encode_basestring
from typing import TYPE_CHECKING, Annotated, Any, Literal, Protocol, Self

from airnub_common import ALGORITHM, redact_url
from airnub_core.errors import DamagedManifestError
from airnub_core.store.layout import object_path

if TYPE_CHECKING:
    from pathlib import Path

    from pydantic import AwareDatetime, Field, TypeAdapter

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
    """What a manifest says of a request: a `Request`. URLs are whole, and are redacted when they are written."""

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
    """What a manifest says of what came: a `Response`."""

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
    """One URL's claim on one object. URLs are redacted; `url_digest` is the SHA-256 of the whole URL.

    The order of the fields is that of the file. Fields that newer versions have written are ignored.
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
    """Where the bytes came from after redirects."""
    path: str
    """Of the object, relative to the store's root, with `/`."""
    file_name: str
    original_file_name: str
    """As the server or the URL wrote it."""
    digest: Annotated[str, Field(pattern=r"^sha256:[0-9a-f]{64}$")]
    algorithm: Literal["sha256"] = "sha256"
    size: Annotated[int, Field(ge=0)]
    """In bytes."""
    content_type: str | None = None
    headers: dict[str, str] = field(default_factory=dict)
    fetched_at: AwareDatetime
    """When the bytes were asked for, by the clock of the index; in UTC."""
    previous_digest: Annotated[str, Field(pattern=r"^sha256:[0-9a-f]{64}$")] | None = None
    """Of the same URL before, as the index knew it when the bytes were asked for."""
    derived_from: tuple[Annotated[str, Field(pattern=r"^sha256:[0-9a-f]{64}$")], ...] = ()
    """For an object made here: the objects that it was made from."""

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
        """The manifest of bytes that have come.

        Args:
            received: what came, and what was asked for.
            file_name: the safe one.
            original: as the server or the URL wrote it.
            size: in bytes.
            hex_digits: of the SHA-256 of the bytes.
            derived_from: digests of the objects that it was made from.
        """
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
        """The manifest in a file.

        Raises:
            DamagedManifestError: it cannot be read, or is not a manifest.
        """
        try:
            content = path.read_bytes()
        except OSError as error:
            raise DamagedManifestError(str(path), error.strerror or str(error)) from error
        return cls.parse(content, str(path))

    @classmethod
    def parse(cls, content: bytes, where: str) -> Manifest:
        """The manifest in some bytes; `where` they come from is for messages.

        Raises:
            DamagedManifestError: they are not a manifest.
        """
        from pydantic import ValidationError

        try:
            return _reader().validate_json(content)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            at = ".".join(map(str, first["loc"])) or "the whole file"
            raise DamagedManifestError(where, f"not a manifest: {at}: {first['msg']}") from error

    def as_json(self) -> dict[str, Any]:
        """The fields as JSON has them: text, numbers, lists and objects."""
        values = {name: getattr(self, name) for name in _FIELDS}
        written = self.fetched_at.isoformat()
        values["fetched_at"] = f"{written[:-6]}Z" if written.endswith("+00:00") else written
        return values

    def as_bytes(self) -> bytes:
        """The JSON that is written beside the object."""
        # As `json.dumps` with `indent=2` does it, but that takes 230 Python calls, and these are for every file.
        lines: list[str] = []
        for name, value in self.as_json().items():
            if value is None:
                text = "null"
            elif isinstance(value, str):
                text = encode_basestring(value)
            elif isinstance(value, dict | tuple):
                text = _ENTRIES.encode(value)
                text = f"{text[0]}\n    {text[1:-1]}\n  {text[-1]}" if value else text
            else:
                text = str(value)
            lines.append(f'  "{name}": {text}')
        # Half a surrogate pair is no character, but JSON can say it.
        return ("{\n" + ",\n".join(lines) + "\n}\n").encode(errors="backslashreplace")


_FIELDS = tuple(one.name for one in fields(Manifest))
_ENTRIES = JSONEncoder(ensure_ascii=False, separators=(",\n    ", ": "))


@cache
def _reader() -> TypeAdapter[Manifest]:
    from pydantic import AwareDatetime, Field, TypeAdapter  # noqa: F401  # names of the annotations above

    return TypeAdapter(Manifest)


def url_digest(url: str) -> str:
    """What a URL is known by: the 64 hexadecimal digits of its SHA-256, so that no secret in it is written down."""
    return sha256(url.encode()).hexdigest()
