"""Links: what a page or a sitemap points at, as a browser would resolve it. Pure: bytes in, links out."""

import codecs
import re
import zlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote
from xml.etree.ElementTree import ParseError

from ada_url import join_url
from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring
from selectolax.lexbor import LexborHTMLParser, LexborNode, SelectolaxError
from w3lib.encoding import html_to_unicode, http_content_type_encoding, read_bom

from airnub_core.errors import PageError

MAX_PAGE_BYTES = 50 * 1024**2
"""Of a page or a sitemap; the limit of https://www.sitemaps.org/protocol.html."""
MAX_DEPTH = 4096
"""Elements inside each other. Browsers stop at 512; the parser goes on, and takes the square of the time."""
MAX_TITLE = 1000
"""Characters."""

_SPACES = "".join(map(chr, range(0x21)))  # around a URL they do not count
_NO_ASCII = re.compile(r"[^\x00-\x7f]+")
_UNWISE = re.compile(r"[\\^`{|}\"<>]")
# Python's names of what https://encoding.spec.whatwg.org knows; its other codecs are no encodings of pages.
_ENCODINGS = frozenset(
    {"utf-8", "ascii", "cp866", "koi8-r", "koi8-u", "mac-roman", "mac-cyrillic", "cp874", "tis-620"}
    | {"gb2312", "gbk", "gb18030", "big5", "big5hkscs", "euc_jp", "iso2022_jp", "shift_jis", "cp932", "euc_kr", "cp949"}
    | {f"iso8859-{part}" for part in range(1, 17) if part != 12}
    | {f"cp125{page}" for page in range(9)}
)
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
    inner: dict[int, LexborNode] | None = None
    for node in page.css(selector):
        anchor: LexborNode | None = node
        if node.attributes.get("href") is None:
            inner = _first_links(page) if inner is None else inner
            anchor = inner.get(node.mem_id)
        target = None if anchor is None else _resolved(base, anchor.attributes.get("href"), encoding)
        if anchor is not None and target is not None and target not in links:
            links[target] = Link(target, _title(anchor))
    if not links:
        raise PageError(
            url, f"expected links that match {selector!r}, found none among the {len(page.css('a[href]'))} of the page"
        )
    return list(links.values())


def links_in_sitemap(url: str, content: bytes) -> Sitemap:
    """What a sitemap lists, in each of its forms: XML, an index, RSS, Atom, or text with a URL a line; also with gzip.

    https://www.sitemaps.org/protocol.html

    Raises:
        PageError: it is no sitemap, or larger than the protocol allows.
    """
    content = _gunzipped(url, content)
    try:
        root = fromstring(content)
    except (ParseError, DefusedXmlException, ValueError, LookupError) as error:
        lines = _lines_of_urls(content)
        if lines is None:
            raise PageError(url, f"expected a sitemap, found no XML that can be read: {error}") from error
        return Sitemap(_each_once(url, ((line, None) for line in lines)), [])
    kind = _local(root)
    match kind:
        case "urlset" | "sitemapindex":
            found = _each_once(url, ((one.text, None) for entry in root for one in entry if _local(one) == "loc"))
            return Sitemap([], [link.url for link in found]) if kind == "sitemapindex" else Sitemap(found, [])
        case "rss" | "RDF" | "feed":
            return Sitemap(_each_once(url, map(_entry, _entries(root))), [])
    raise PageError(url, f"expected a sitemap with <urlset>, <sitemapindex>, <rss> or <feed>, found <{kind}>")


def _local(element: Any) -> str:
    """The name of an element without its namespace."""
    return str(element.tag).rpartition("}")[2]


def _entries(root: Any) -> Iterator[Any]:
    return (element for element in root.iter() if _local(element) in {"item", "entry"})


def _entry(entry: Any) -> tuple[str | None, str | None]:
    """The link and the title of an entry of RSS or Atom."""
    target = title = None
    for element in entry:
        if _local(element) == "title":
            title = "".join(element.itertext())
        elif _local(element) == "link" and target is None and element.get("rel", "alternate") == "alternate":
            target = element.get("href") or element.text
    return target, title


def _each_once(base: str, found: Iterator[tuple[str | None, str | None]]) -> list[Link]:
    links: dict[str, Link] = {}
    for target, title in found:
        absolute = _resolved(base, target)
        if absolute is not None and absolute not in links:
            links[absolute] = Link(absolute, _short(title or ""))
    return list(links.values())


def _lines_of_urls(content: bytes) -> list[str] | None:
    """The lines of a text that holds whole http(s) URLs and nothing else."""
    try:
        lines = [line.strip() for line in content.decode("utf-8-sig").splitlines()]
    except UnicodeDecodeError:
        return None
    urls = [line for line in lines if line]
    return urls if urls and all(line.lower().startswith(("http://", "https://")) for line in urls) else None


def _utf8_or_windows(content: bytes) -> str:
    try:
        content.decode("utf-8")
    except UnicodeDecodeError:
        return "cp1252"
    return "utf-8"


def _base(page: LexborHTMLParser, url: str) -> str:
    """What relative links start from: https://html.spec.whatwg.org/#set-the-frozen-base-url"""
    base = page.css_first("base[href]")
    try:
        absolute = url if base is None else join_url(url, base.attributes.get("href") or "")
    except ValueError:
        return url
    return url if absolute.startswith(("data:", "javascript:")) else absolute


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
    """The page's encoding and text, as a browser reads it: byte order mark, header, `<meta>`, in this order."""
    mark, _ = read_bom(content)
    if mark is not None and mark.startswith("utf-16"):
        # Whatever else is said; and letters in queries are UTF-8 then.
        return "utf-8", content[2:].decode(mark, errors="replace")
    if mark == "utf-8":
        return "utf-8", content[3:].decode(errors="replace")
    for said in (content_type, None):
        try:
            encoding, text = html_to_unicode(said, content, auto_detect_fun=_utf8_or_windows)
            name = codecs.lookup(encoding).name
        except (LookupError, UnicodeError):
            continue
        if name.startswith("utf-16") and http_content_type_encoding(said) is not None:
            return "utf-8", text
        if name.startswith("utf-16"):
            # A `<meta>` that can be read as ASCII is not in UTF-16, whatever it says.
            return "utf-8", content.decode(errors="replace")
        if name in _ENCODINGS:
            return encoding, text
        # One that browsers do not know, such as UTF-7: the header is passed over, and then the `<meta>` too.
    encoding = _utf8_or_windows(content)
    return encoding, content.decode(encoding, errors="replace")


def _resolved(base: str, href: str | None, encoding: str = "utf-8") -> str | None:
    """An absolute http(s) URL without fragment; `None` for what is no such link (`javascript:`, `mailto:`, `#top`).

    As https://url.spec.whatwg.org has it. Letters in a query are written in the `encoding` of the page, and what that
    does not have as a reference to the character, as browsers do.
    """
    if href is None or href.lstrip(_SPACES).startswith("#"):
        return None
    head, mark, query = href.partition("#")[0].partition("?")
    if mark and not query.isascii() and encoding != "utf-8":
        query = _NO_ASCII.sub(lambda found: quote(found.group().encode(encoding, errors="xmlcharrefreplace")), query)
    try:
        absolute = join_url(base, head + mark + query)
    except ValueError:
        return None
    if not absolute.startswith(("http://", "https://")):
        return None
    # Browsers send these as they are; RFC 3986 has no place for them, and not every library sends them.
    return _UNWISE.sub(lambda found: f"%{ord(found.group()):02X}", absolute)


def _title(anchor: LexborNode) -> str | None:
    """The text of a link, else what it is called, else what its picture shows."""
    pictures = (picture.attributes.get("alt") for picture in anchor.css("img[alt]"))
    others = (anchor.attributes.get("title"), anchor.attributes.get("alt"))
    return _short(anchor.text()) or next(filter(None, map(_short, filter(None, (*others, *pictures)))), None)


def _short(text: str) -> str | None:
    return " ".join(text.split())[:MAX_TITLE].rstrip() or None


def _gunzipped(url: str, content: bytes) -> bytes:
    if not content.startswith(b"\x1f\x8b"):
        return content
    pieces, size = [], 0
    while content:
        inflater = zlib.decompressobj(wbits=31)
        try:
            pieces.append(inflater.decompress(content, MAX_PAGE_BYTES - size + 1))
        except zlib.error as error:
            raise PageError(url, f"expected a sitemap compressed with gzip, found: {error}") from error
        size += len(pieces[-1])
        if size > MAX_PAGE_BYTES:
            raise PageError(url, f"expected a sitemap of at most {MAX_PAGE_BYTES:,} bytes, found more")
        if not inflater.eof:
            raise PageError(url, "expected a sitemap compressed with gzip, found one that is cut off")
        # A file may consist of several compressed ones, and end in zeros.
        content = inflater.unused_data.lstrip(b"\0")
    return b"".join(pieces)
