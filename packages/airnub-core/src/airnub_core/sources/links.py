"""Links: what a page or a sitemap points at, as a browser would resolve it. Pure: bytes in, links out."""

import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import urldefrag, urljoin, urlsplit
from xml.etree.ElementTree import ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring
from selectolax.lexbor import LexborHTMLParser, LexborNode, SelectolaxError
from w3lib.encoding import html_to_unicode
from w3lib.url import safe_url_string

from airnub_core.errors import PageError

MAX_PAGE_BYTES = 50 * 1024**2
"""Of a page or a sitemap; the limit of https://www.sitemaps.org/protocol.html."""


@dataclass(frozen=True, slots=True)
class Link:
    """A URL with the text that it was found under."""

    url: str
    title: str | None = None


@dataclass(frozen=True, slots=True)
class Sitemap:
    """The pages that a sitemap lists, or the further sitemaps that an index of sitemaps lists."""

    pages: list[Link]
    sitemaps: list[str]


def check_selector(selector: str) -> str:
    """The selector, when it is one.

    Raises:
        ValueError: it is no CSS selector.
    """
    try:
        LexborHTMLParser("<a></a>").css(selector)
    except (SelectolaxError, ValueError) as error:
        raise ValueError(f"expected a CSS selector, found {selector!r}") from error
    return selector


def links_on_page(url: str, content: bytes, content_type: str | None, selector: str) -> list[Link]:
    """The links that a selector finds on a page, in order, each URL once.

    Args:
        url: of the page, that relative links start from, unless it has a `<base>`.
        content: the page; its encoding is that of its byte order mark, its header or its `<meta>`, else UTF-8 or
            Windows-1252, whichever it can be read as.
        content_type: the header.
        selector: CSS; of an element without `href` the first link inside it is taken.

    Returns:
        Links to http and https URLs without fragments, with their texts.

    Raises:
        PageError: the page holds no such link.
    """
    _, text = html_to_unicode(content_type, content, auto_detect_fun=_utf8_or_windows)
    page = LexborHTMLParser(text)
    base = _base(page, url)
    links: dict[str, Link] = {}
    for node in page.css(selector):
        anchor = node if node.attributes.get("href") is not None else node.css_first("a[href], area[href]")
        target = None if anchor is None else _resolved(base, anchor.attributes.get("href"))
        if anchor is not None and target is not None:
            links.setdefault(target, Link(target, _title(anchor)))
    if not links:
        raise PageError(
            url, f"expected links that match {selector!r}, found none among the {len(page.css('a[href]'))} of the page"
        )
    return list(links.values())


def links_in_sitemap(url: str, content: bytes) -> Sitemap:
    """What a sitemap lists; it may be compressed with gzip (https://www.sitemaps.org/protocol.html).

    Raises:
        PageError: it is no sitemap, or larger than the protocol allows.
    """
    try:
        root = fromstring(_gunzipped(url, content))
    except (ParseError, DefusedXmlException, ValueError) as error:
        raise PageError(url, f"expected a sitemap, found no XML that can be read: {error}") from error
    kind = root.tag.rpartition("}")[2]
    if kind not in {"urlset", "sitemapindex"}:
        raise PageError(url, f"expected a sitemap with <urlset> or <sitemapindex>, found <{kind}>")
    locations = (element.text for entry in root for element in entry if element.tag.rpartition("}")[2] == "loc")
    urls = list(dict.fromkeys(filter(None, (_resolved(url, location) for location in locations))))
    return Sitemap([], urls) if kind == "sitemapindex" else Sitemap([Link(one) for one in urls], [])


def _utf8_or_windows(content: bytes) -> str:
    try:
        content.decode("utf-8")
    except UnicodeDecodeError:
        return "cp1252"
    return "utf-8"


def _base(page: LexborHTMLParser, url: str) -> str:
    bases: Iterable[LexborNode] = page.css("base[href]")
    for base in bases:
        return _resolved(url, base.attributes.get("href")) or url
    return url


def _resolved(base: str, href: str | None) -> str | None:
    """An absolute http(s) URL without fragment; `None` for what is no such link (`javascript:`, `mailto:`, `#top`)."""
    if href is None:
        return None
    # Spaces around, and tabs and line ends anywhere, are dropped: https://url.spec.whatwg.org/#url-parsing
    cleaned = href.strip("".join(map(chr, range(0x21)))).translate({0x09: None, 0x0A: None, 0x0D: None})
    if cleaned.startswith("#"):
        return None
    try:
        absolute = urldefrag(urljoin(base, cleaned.replace("\\", "/") if "://" not in cleaned[:12] else cleaned)).url
        parts = urlsplit(absolute)
        usable = parts.scheme in {"http", "https"} and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        return None
    return safe_url_string(absolute) if usable else None


def _title(anchor: LexborNode) -> str | None:
    text = " ".join(anchor.text().split()) or " ".join((anchor.attributes.get("title") or "").split())
    return text or None


def _gunzipped(url: str, content: bytes) -> bytes:
    if not content.startswith(b"\x1f\x8b"):
        return content
    inflater = zlib.decompressobj(wbits=31)
    try:
        inflated = inflater.decompress(content, MAX_PAGE_BYTES)
    except zlib.error as error:
        raise PageError(url, f"expected a sitemap compressed with gzip, found: {error}") from error
    if inflater.unconsumed_tail:
        raise PageError(url, f"expected a sitemap of at most {MAX_PAGE_BYTES:,} bytes, found more")
    return inflated
