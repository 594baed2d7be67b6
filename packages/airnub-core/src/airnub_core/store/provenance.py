"""Provenance: what a manifest says of where bytes came from, as it is written beside them.

It imports nothing of weight, since the processes that download have no use for models; `manifest` reads it again.
"""

from collections.abc import Mapping
from functools import lru_cache
from json.encoder import encode_basestring as _text
from typing import NamedTuple

from airnub_common import ALGORITHM, redact_url
from airnub_core.store.staged import object_path

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


class Asked(NamedTuple):
    """What was asked for, as the manifest tells it; URLs are whole, and are redacted when they are written."""

    source: str
    url: str
    url_digest: str
    page: str | None = None
    title: str | None = None
    previous_digest: str | None = None
    """Of the same URL, as far as it is known."""


def manifest_of(
    asked: Asked,
    final_url: str,
    headers: Mapping[str, str],
    *,
    hex_digits: str,
    size: int,
    file_name: str,
    original: str,
    sent_at: str,
    derived_from: tuple[str, ...] = (),
) -> bytes:
    """The manifest of bytes that have come, as it is written beside them.

    Args:
        asked: what was asked for.
        final_url: where the bytes came from after redirects.
        headers: of the answer, names in lower case.
        hex_digits: of the SHA-256 of the bytes.
        size: in bytes.
        file_name: the safe one.
        original: as the server or the URL wrote it.
        sent_at: when they were asked for, by the clock of the index: ISO 8601 in UTC.
        derived_from: digests of the objects that it was made from.
    """
    digest = f"{ALGORITHM}:{hex_digits}"
    url = redact_url(asked.url)
    page = None if asked.page is None else redact_url(asked.page)
    previous = asked.previous_digest if asked.previous_digest != digest else None
    kept = [_header(name, value) for name, value in headers.items() if name in HEADERS_WORTH_KEEPING]
    # A template, since the general ways cost more than the rest of a small file's journey.
    return f"""{{
  "schema_version": {SCHEMA_VERSION},
  "source": {_text(asked.source)},
  "url": {_text(url)},
  "url_digest": "{asked.url_digest}",
  "page": {_text_or_null(page)},
  "title": {_text_or_null(asked.title)},
  "final_url": {_text(url if final_url == asked.url else redact_url(final_url))},
  "path": {_text(object_path(asked.source, hex_digits, file_name))},
  "file_name": {_text(file_name)},
  "original_file_name": {_text(original)},
  "digest": "{digest}",
  "algorithm": "{ALGORITHM}",
  "size": {size},
  "content_type": {_text_or_null(headers.get("content-type"))},
  "headers": {_block("{", kept, "}")},
  "fetched_at": "{sent_at.removesuffix("+00:00")}Z",
  "previous_digest": {_text_or_null(previous)},
  "derived_from": {_block("[", [_text(one) for one in derived_from], "]")}
}}
""".encode(errors="backslashreplace")  # half a surrogate pair is no character, but JSON can say it


@lru_cache(1024)
def _header(name: str, value: str) -> str:
    return f"{_text(name)}: {_text(value)}"


def _text_or_null(value: str | None) -> str:
    return "null" if value is None else _text(value)


def _block(start: str, entries: list[str], end: str) -> str:
    return f"{start}\n    {_BETWEEN.join(entries)}\n  {end}" if entries else start + end


_BETWEEN = ",\n    "
