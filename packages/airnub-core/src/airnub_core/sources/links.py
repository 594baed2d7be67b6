"""Links: what a page or a sitemap points at, as a browser would resolve it. Pure: bytes in, links out."""

import re
import zlib
from collections import Counter
from dataclasses import dataclass
from urllib.parse import urldefrag, urljoin, urlsplit
from xml.etree.ElementTree import ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring
from selectolax.lexbor import LexborHTMLParser, LexborNode, SelectolaxError
from w3lib.encoding import html_to_unicode, http_content_type_encoding, read_bom
from w3lib.url import safe_url_string

from airnub_core.errors import PageError

MAX_PAGE_BYTES = 50 * 1024**2
"""Of a page or a sitemap; the limit of https://www.sitemaps.org/protocol.html."""
MAX_DEPTH = 4096
"""Elements inside each other. Browsers stop at 512; the parser goes on, and takes the square of the time."""
MAX_TITLE = 1000
"""Characters."""

_NESTING = re.compile(
    rb"<(/?)(address|article|aside|blockquote|center|details|dialog|dir|div|dl|fieldset|figcaption|figure|footer|header"
    rb"|hgroup|main|menu|nav|ol|section|summary|ul)(?=[\s/>])",
    re.IGNORECASE,
)


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
        PageError: the page holds no such link, or is nested too deep.
    """
    _check_depth(url, content)
    encoding, text = _decoded(content, content_type)
    page = LexborHTMLParser(text)
    base = _base(page, url)
    links: dict[str, Link] = {}
    inner = _first_links(page)
    for node in page.css(selector):
        anchor = node if node.attributes.get("href") is not None else inner.get(node.mem_id)
        target = None if anchor is None else _resolved(base, anchor.attributes.get("href"), encoding)
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
    except (ParseError, DefusedXmlException, ValueError, LookupError) as error:
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
    base = page.css_first("base[href]")
    return (_resolved(url, base.attributes.get("href")) if base is not None else None) or url


def _first_links(page: LexborHTMLParser) -> dict[int, LexborNode]:
    """For every element with a link inside, the first one; in one walk, however deep they are nested."""
    first: dict[int, LexborNode] = {}
    for anchor in page.css("a[href], area[href]"):
        around = anchor.parent
        while around is not None and around.mem_id not in first:
            first[around.mem_id] = anchor
            around = around.parent
    return first


def _check_depth(url: str, content: bytes) -> None:
    """Refuse what only an attack looks like."""
    open_elements: Counter[bytes] = Counter()
    depth = 0
    for match in _NESTING.finditer(content):
        closing, name = match.groups()
        if not closing:
            open_elements[name.lower()] += 1
            depth += 1
        elif open_elements[name.lower()]:
            open_elements[name.lower()] -= 1
            depth -= 1
        if depth > MAX_DEPTH:
            raise PageError(url, f"expected a page of at most {MAX_DEPTH:,} elements inside each other, found more")


def _decoded(content: bytes, content_type: str | None) -> tuple[str, str]:
    """The page's encoding and text, as a browser reads it."""
    try:
        encoding, text = html_to_unicode(content_type, content, auto_detect_fun=_utf8_or_windows)
    except (LookupError, UnicodeError):
        # It names a codec of Python's that is no encoding of text.
        encoding = _utf8_or_windows(content)
        return encoding, content.decode(encoding, errors="replace")
    wide = encoding.startswith(("utf-16", "utf-32"))
    if wide and read_bom(content)[0] is None and http_content_type_encoding(content_type) is None:
        # A `<meta>` that can be read as ASCII is not in UTF-16, whatever it says.
        return "utf-8", content.decode(errors="replace")
    return ("utf-8" if wide else encoding), text


def _resolved(base: str, href: str | None, encoding: str = "utf-8") -> str | None:
    """An absolute http(s) URL without fragment; `None` for what is no such link (`javascript:`, `mailto:`, `#top`).

    Letters in its query are written in the `encoding` of the page, as browsers do.
    """
    if href is None:
        return None
    # Spaces around, and tabs and line ends anywhere, are dropped: https://url.spec.whatwg.org/#url-parsing
    cleaned = href.strip("".join(map(chr, range(0x21)))).translate({0x09: None, 0x0A: None, 0x0D: None})
    if cleaned.startswith("#"):
        return None
    # In front of the query a backslash is a slash.
    head, mark, tail = cleaned.partition("#")[0].partition("?")
    try:
        absolute = urldefrag(urljoin(base, head.replace("\\", "/") + mark + tail)).url
        parts = urlsplit(absolute)
        usable = parts.scheme in {"http", "https"} and bool(parts.hostname) and (parts.port or 1) > 0
        return _written(absolute, encoding) if usable else None
    except ValueError:
        return None


def _written(url: str, encoding: str) -> str:
    try:
        return safe_url_string(url, encoding)
    except UnicodeEncodeError:
        return safe_url_string(url)


def _title(anchor: LexborNode) -> str | None:
    text = " ".join(anchor.text().split()) or " ".join((anchor.attributes.get("title") or "").split())
    return text[:MAX_TITLE].rstrip() or None


def _gunzipped(url: str, content: bytes) -> bytes:
    if not content.startswith(b"\x1f\x8b"):
        return content
    inflater = zlib.decompressobj(wbits=31)
    try:
        inflated = inflater.decompress(content, MAX_PAGE_BYTES)
    except zlib.error as error:
        raise PageError(url, f"expected a sitemap compressed with gzip, found: {error}") from error
    if inflater.unconsumed_tail or (len(inflated) == MAX_PAGE_BYTES and not inflater.eof):
        raise PageError(url, f"expected a sitemap of at most {MAX_PAGE_BYTES:,} bytes, found more")
    return inflated
