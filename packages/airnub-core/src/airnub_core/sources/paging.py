"""Paging: which URL comes after this one. Pure: an answer in, the next URL out."""

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode, urljoin, urlsplit, urlunsplit

import httpx

from airnub_core.errors import MissingPathError, PageError
from airnub_core.sources.records import described, records_at, value_at
from airnub_core.sources.settings import ApiSource, CursorPages, LinkPages, NumberedPages, OffsetPages


def with_params(url: str, params: Mapping[str, Any]) -> str:
    """The URL with these query parameters, in place of those of the same names."""
    if not params:
        return url
    parts = urlsplit(url)
    kept = [(name, value) for name, value in parse_qsl(parts.query, keep_blank_values=True) if name not in params]
    added = [(name, _written(value)) for name, value in params.items()]
    return urlunsplit(parts._replace(query=urlencode([*kept, *added], quote_via=quote)))


def whole_url(source: ApiSource, watermark: Any = None) -> str:
    """The URL of all that is asked for, before it is cut into pages; with a watermark, of what is new since then."""
    since = {source.incremental.param: watermark} if source.incremental and watermark is not None else {}
    return with_params(source.url, source.params | since)


def first_url(source: ApiSource, url: str) -> str:
    """The URL of the first page, or of the only answer, made from `whole_url`."""
    match source.pages:
        case NumberedPages() as pages:
            size = {pages.size_param: pages.size} if pages.size_param and pages.size else {}
            return with_params(url, {pages.param: pages.start, **size})
        case OffsetPages() as pages:
            return with_params(url, {pages.param: pages.start, pages.limit_param: pages.limit})
    return url


def next_url(source: ApiSource, url: str, number: int, answer: Any, headers: Mapping[str, str]) -> str | None:
    """The URL of the page after this one, `None` after the last.

    Args:
        source: its settings.
        url: of this page.
        number: of this page, from 0.
        answer: its JSON value.
        headers: its headers, names in lower case.

    Raises:
        MissingPathError: the answer does not hold what paging needs.
        PageError: the Link header holds no URL that can be read.
    """
    match source.pages:
        case NumberedPages() as pages:
            count = len(_records(source, url, answer))
            more = count > 0 and (pages.size is None or count >= pages.size)
            return with_params(url, {pages.param: pages.start + number + 1}) if more else None
        case OffsetPages() as pages:
            more = len(_records(source, url, answer)) >= pages.limit
            return with_params(url, {pages.param: pages.start + (number + 1) * pages.limit}) if more else None
        case CursorPages() as pages:
            cursor = value_at(url, answer, pages.next)
            if cursor is None or cursor == "" or cursor is False:
                return None
            if not (isinstance(cursor, str | int) and is_sendable(cursor)):
                raise MissingPathError(url, pages.next, "a cursor (text or number) or null", described(cursor))
            return with_params(url, {pages.param: cursor})
        case LinkPages():
            following = _next_in(headers.get("link", ""))
            try:
                return None if following is None else urljoin(url, following)
            except ValueError as error:
                raise PageError(
                    url, f"expected the URL of the next page in the Link header, found none: {error}"
                ) from error
    return None


def _next_in(link: str) -> str | None:
    """The target of `rel="next"`; relations are in any case, and there may be several of one link (RFC 8288, 3.3)."""
    parsed = httpx.Response(200, headers=httpx.Headers({"link": link}, encoding="utf-8")).links
    targets = (one.get("url") for relations, one in parsed.items() if "next" in (relations or "").lower().split())
    return next(targets, None)


def is_sendable(value: Any) -> bool:
    """Whether a value out of JSON can stand in a URL; half a surrogate pair cannot."""
    return not isinstance(value, str) or value.isascii() or not any("\ud800" <= one <= "\udfff" for one in value)


def _records(source: ApiSource, url: str, answer: Any) -> Sequence[Any]:
    return records_at(url, answer, source.records)


def _written(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
