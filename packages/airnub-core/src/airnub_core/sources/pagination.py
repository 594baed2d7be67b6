"""Pagination: settings of an API's pages, and a paginator that computes the next URL from each response.

It sends no requests.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from http import HTTPStatus
from typing import TYPE_CHECKING, Annotated, Any, Literal
from urllib.parse import parse_qsl, quote, urlencode, urljoin, urlsplit, urlunsplit

from pydantic import Field

from airnub_common import redact_url
from airnub_core.errors import HttpStatusError, MissingPathError, PageError, TooManyPagesError
from airnub_core.http.settings import LARGEST, Count
from airnub_core.sources.base import DottedPath
from airnub_core.sources.records import described, is_sendable, records_at, value_at
from airnub_core.strict_model import StrictModel

if TYPE_CHECKING:
    from airnub_core.sources.apis import ApiSource

# Statuses that servers return for a page or offset after the last one.
_NO_SUCH_PAGE = {
    HTTPStatus.BAD_REQUEST,
    HTTPStatus.NOT_FOUND,
    HTTPStatus.GONE,
    HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE,
    HTTPStatus.UNPROCESSABLE_ENTITY,
}
_TARGET = re.compile(r"<([^>]*)>")
_PARAMETER = re.compile(r'\s*;\s*([^\s=;,"]*)\s*(?:=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s;,"]*)))?')
Start = Annotated[int, Field(ge=-LARGEST, le=LARGEST)]
"""Number of the first page, or the first offset."""


class _Pages(StrictModel):
    max: Count = 1000
    """Most pages; it is an error if the API has more."""


class NumberedPages(_Pages):
    """Page-based pagination: `?page=1`, `?page=2`, … up to the first page without records.

    A status 400, 404, 410, 416 or 422 ends it too, if the previous page had fewer records than `size` or than an
    earlier page. With `total`, no page after the last one is requested.
    """

    kind: Literal["page"]
    param: str = "page"
    start: Start = 1
    size_param: str | None = None
    size: Count | None = None
    """Number of records of a full page; sent as `size_param` if that is set."""
    total: DottedPath | None = None
    """Dotted path of the total number of records in a response; it is an error if the API returns fewer."""


class OffsetPages(_Pages):
    """Offset-based pagination: `?offset=0&limit=100`, `?offset=100&limit=100`, … up to the first page without records.

    The offset advances by the number of records received, which may be less than `limit`. The end is that of
    `NumberedPages`.
    """

    kind: Literal["offset"]
    param: str = "offset"
    start: Start = 0
    limit_param: str = "limit"
    limit: Count = 100
    total: DottedPath | None = None
    """Dotted path of the total number of records in a response; it is an error if the API returns fewer."""


class CursorPages(_Pages):
    """Cursor-based pagination: each response has the cursor of the next page at the dotted path `next`.

    The last page has none: null, empty or false, or with `optional` no such value at all. A cursor that is an http or
    https URL is requested as it is.
    """

    kind: Literal["cursor"]
    param: str = "cursor"
    next: DottedPath
    optional: bool = False
    """Whether the last page may lack the path `next`; otherwise that is an error, since the path may be misspelt."""


class LinkPages(_Pages):
    """Link-based pagination: the Link header (RFC 8288) has the URL of the next page, with `rel="next"`."""

    kind: Literal["link"]


Pages = Annotated[NumberedPages | OffsetPages | CursorPages | LinkPages, Field(discriminator="kind")]


def with_params(url: str, params: Mapping[str, Any]) -> str:
    """Set query parameters of a URL; existing ones of the same names are replaced."""
    if not params:
        return url
    parts = urlsplit(url)
    kept = [(name, value) for name, value in parse_qsl(parts.query, keep_blank_values=True) if name not in params]
    added = [(name, _written(value)) for name, value in params.items()]
    return urlunsplit(parts._replace(query=urlencode([*kept, *added], quote_via=quote)))


def whole_url(source: "ApiSource", watermark: Any = None) -> str:
    """The URL of a source without page parameters; with a watermark, it requests only newer records."""
    since = {source.incremental.param: watermark} if source.incremental and watermark is not None else {}
    return with_params(source.url, source.params | since)


class Paginator:
    """Iterates over the pages of one API.

    Servers may return fewer records than requested, so a page that is not full is not the end: page-based and
    offset-based pagination continue up to a page without records, or up to the total in the responses.
    """

    def __init__(self, source: "ApiSource", url: str) -> None:
        """Start at the first page; `url` is that of `whole_url`."""
        self._source = source
        self._whole = url
        self._limit = source.pages.max if source.pages else 1
        self._seen: set[str] = set()
        self._counts: list[int] = []
        """Number of records of each page so far."""
        self._before: Sequence[Any] = ()
        """Records of the previous page."""
        self._total: int | None = None
        self.url: str | None = self._first()
        """URL of the next page to request; `None` after the last one."""

    def advance(self, document: Any, headers: Mapping[str, str]) -> None:
        """Process the response of the page at `url`, and set `url` to the next page.

        Raises:
            MissingPathError: the response lacks a value that pagination needs.
            PageError: the Link header has an invalid URL, the API repeats a page, or it ends before `total`.
            TooManyPagesError: the API has more than the largest number of pages.
        """
        assert self.url is not None, "a page was requested"
        url = self.url
        self._seen.add(url)
        self.url = following = self._next(url, document, headers)
        if following is None:
            return
        if following in self._seen:
            found = f"one that was read already: {redact_url(following)}"
            raise PageError(self._whole, f"expected a new page after {len(self._seen)}, found {found}")
        # Page-based and offset-based pagination request one more page, which must be empty.
        if len(self._seen) == self._limit and not isinstance(self._source.pages, NumberedPages | OffsetPages):
            raise TooManyPagesError(self._whole, self._limit)

    def ends_with(self, error: HttpStatusError) -> bool:
        """Whether an error status, or 204, for the page at `url` means that the previous page was the last one.

        Some servers return an error instead of an empty page after the last one. It counts as the end only after a page
        that was not full. 204 No Content counts as a page without records.

        Raises:
            PageError: it is the end, but fewer records than `total` were received.
        """
        if error.status == HTTPStatus.NO_CONTENT and (self._seen or self._source.records is not None):
            self._check_total()
            return True
        if not self._counts or error.status not in _NO_SUCH_PAGE:
            return False
        *earlier, last = self._counts
        full = max(earlier, default=self._asked_size())
        if full is None or last >= full:
            return False
        self._check_total()
        return True

    def _first(self) -> str:
        match self._source.pages:
            case NumberedPages() as pages:
                size = {pages.size_param: pages.size} if pages.size_param and pages.size else {}
                return with_params(self._whole, {pages.param: pages.start, **size})
            case OffsetPages() as pages:
                return with_params(self._whole, {pages.param: pages.start, pages.limit_param: pages.limit})
        return self._whole

    def _next(self, url: str, document: Any, headers: Mapping[str, str]) -> str | None:
        match self._source.pages:
            case NumberedPages() as pages:
                more = self._has_more(url, document, pages.total)
                return with_params(url, {pages.param: pages.start + len(self._counts)}) if more else None
            case OffsetPages() as pages:
                more = self._has_more(url, document, pages.total)
                return with_params(url, {pages.param: pages.start + sum(self._counts)}) if more else None
            case CursorPages() as pages:
                return _behind_cursor(url, document, pages)
            case LinkPages():
                return _behind_link(url, headers.get("link", ""))
        return None

    def _has_more(self, url: str, document: Any, total: str | None) -> bool:
        records = records_at(url, document, self._source.records)
        if total is not None:
            self._total = _whole_number(url, document, total)
        if records and records == self._before:
            raise PageError(
                self._whole,
                f"expected new records after {len(self._counts)} pages, found those of the previous page again; check "
                "that the API has the parameters in pages, or set pages.total if it repeats its last page",
            )
        if len(self._counts) == self._limit and records:
            raise TooManyPagesError(self._whole, self._limit)
        self._before = records
        self._counts.append(len(records))
        if not records:
            self._check_total()
            return False
        return self._total is None or sum(self._counts) < self._total

    def _check_total(self) -> None:
        read = sum(self._counts)
        if self._total is not None and read < self._total:
            raise PageError(self._whole, f"expected {self._total:,} records (pages.total), found {read:,}")

    def _asked_size(self) -> int | None:
        match self._source.pages:
            case NumberedPages() as pages:
                return pages.size
            case OffsetPages() as pages:
                return pages.limit
        return None


def _behind_cursor(url: str, document: Any, pages: CursorPages) -> str | None:
    try:
        cursor = value_at(url, document, pages.next)
    except MissingPathError as error:
        if pages.optional:
            return None
        advice = "; if the last page lacks it, set pages.optional: true"
        raise MissingPathError(url, error.path, error.expected, error.found + advice) from error
    if cursor is None or cursor == "" or cursor is False:
        return None
    if not (isinstance(cursor, str | int) and is_sendable(cursor)):
        raise MissingPathError(url, pages.next, "a cursor (text or number) or null", described(cursor))
    if isinstance(cursor, str) and cursor.lower().startswith(("http://", "https://")):
        return cursor
    return with_params(url, {pages.param: cursor})


def _behind_link(url: str, header: str) -> str | None:
    following = next((target for target, relations in _links_in(header) if "next" in relations), None)
    try:
        return None if following is None else urljoin(url, following)
    except ValueError as error:
        raise PageError(url, f"expected the URL of the next page in the Link header, found none: {error}") from error


def _links_in(header: str) -> Iterator[tuple[str, list[str]]]:
    """Yield target and relations, in lower case, of each link in a Link header.

    Links with an `anchor` are skipped, since their context is not this page (RFC 8288, 3).
    """
    place = 0
    while target := _TARGET.search(header, place):
        place = target.end()
        params: dict[str, str] = {}
        while parameter := _PARAMETER.match(header, place):
            place = parameter.end()
            name, quoted, token = parameter.groups()
            # Only the first `rel` of a link counts (RFC 8288, 3.3).
            params.setdefault(name.lower(), re.sub(r"\\(.)", r"\1", quoted) if quoted is not None else token or "")
        if "anchor" not in params:
            yield target.group(1).strip(), params.get("rel", "").lower().split()


def _whole_number(url: str, document: Any, path: str) -> int:
    value = value_at(url, document, path)
    if isinstance(value, str) and value.isascii() and value.isdigit():
        value = int(value[:18])
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise MissingPathError(url, path, "a number of records", described(value))
    return value


def _written(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
