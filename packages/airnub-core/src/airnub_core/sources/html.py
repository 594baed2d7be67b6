"""HTML: find the links on a page and resolve them as a browser does.

Large pages are parsed in a separate process, which can be killed, since some take the parser practically forever:
20,000 attributes of one element take two seconds, 200,000 take minutes, and no limit that real pages keep excludes
that. Pages up to `SMALL` take seconds at worst, and a process would cost more than parsing them.
"""

import asyncio
import codecs
import json
import re
import sys
from collections import Counter
from dataclasses import dataclass
from urllib.parse import quote

from ada_url import join_url
from selectolax.lexbor import LexborHTMLParser, LexborNode, SelectolaxError
from w3lib.encoding import html_to_unicode, http_content_type_encoding, read_bom

from airnub_core.errors import PageError

MAX_PAGE_BYTES = 50 * 1024**2
"""Largest page or sitemap in bytes; the limit of https://www.sitemaps.org/protocol.html."""
MAX_DEPTH = 4096
"""Deepest nesting of elements. Browsers stop at 512; the parser does not, and takes quadratic time."""
MAX_TITLE = 1000
"""Most characters of a title."""

_SPACES = "".join(map(chr, range(0x21)))  # stripped around a URL
_NO_ASCII = re.compile(r"[^\x00-\x7f]+")
_UNWISE = re.compile(r"[\\^`{|}\"<>]")
# Python's names of the encodings of https://encoding.spec.whatwg.org; its other codecs are not encodings of pages.
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
SMALL = 256 * 1024
"""Largest page in bytes that is parsed in this process; starting a process takes a quarter of a second."""
LONGEST = 60.0
"""Longest time in seconds to parse a page; an ordinary page of 50 MiB takes less than ten."""


@dataclass(frozen=True, slots=True)
class Link:
    """The URL and the text of a link."""

    url: str
    title: str | None = None


def check_selector(selector: str) -> str:
    """Validate a CSS selector, and return it unchanged.

    Raises:
        ValueError: it is not a CSS selector.
    """
    try:
        LexborHTMLParser("<a></a>").css(selector)
    except (SelectolaxError, ValueError) as error:
        raise ValueError(f"expected a CSS selector, found {selector!r}") from error
    return selector


async def links_on_any_page(url: str, content: bytes, content_type: str | None, selector: str) -> list[Link]:
    """Run `links_on_page` without blocking the event loop: in a thread, or for a page above `SMALL` in a process.

    Raises:
        PageError: the page has no such link, or cannot be parsed in time.
    """
    if len(content) <= SMALL:
        return await asyncio.to_thread(links_on_page, url, content, content_type, selector)
    request = json.dumps([url, content_type, selector]).encode() + b"\n" + content
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", "-m", __name__),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        async with asyncio.timeout(LONGEST):
            output, _ = await process.communicate(request)
    except TimeoutError as error:
        raise PageError(
            url, f"expected a page that is parsed within {LONGEST:g} s, found one that takes longer"
        ) from error
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode != 0:
        raise PageError(
            url, f"expected a page that can be parsed, found one that crashes the parser ({process.returncode})"
        )
    found = json.loads(output)
    if isinstance(found, str):
        raise PageError(url, found)
    return [Link(*link) for link in found]


def links_on_page(url: str, content: bytes, content_type: str | None, selector: str) -> list[Link]:
    """Find the links on a page that match a CSS selector, in order, each URL once.

    Args:
        url: URL of the page, the base of relative links unless the page has a `<base>`.
        content: the page. Its encoding is taken from its byte order mark, the header or its `<meta>`, in this order;
            otherwise it is UTF-8 if the page is valid UTF-8, else Windows-1252.
        content_type: value of the Content-Type header.
        selector: a CSS selector; for an element without `href`, the first link inside it is used.

    Returns:
        Links to http and https URLs without fragments, with their texts.

    Raises:
        PageError: the page has no such link, or is nested too deeply.
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
        target = None if anchor is None else resolved(base, anchor.attributes.get("href"), encoding)
        if anchor is not None and target is not None and target not in links:
            links[target] = Link(target, _title(anchor))
    if not links:
        raise PageError(
            url, f"expected links that match {selector!r}, found none among the {len(page.css('a[href]'))} of the page"
        )
    return list(links.values())


def resolved(base: str, href: str | None, encoding: str = "utf-8") -> str | None:
    """Resolve a link to an absolute URL without fragment, as https://url.spec.whatwg.org specifies.

    Args:
        base: the base URL.
        href: the link.
        encoding: encoding of the page, in which the query is encoded; characters that it lacks become numeric
            character references, as in browsers.

    Returns:
        An http or https URL; `None` for other links, such as `javascript:`, `mailto:` and `#top`.
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
    # Browsers send these unescaped, but RFC 3986 does not allow them, and some libraries reject them.
    return _UNWISE.sub(lambda found: f"%{ord(found.group()):02X}", absolute)


def short_title(text: str) -> str | None:
    """Normalize a title to one line of at most `MAX_TITLE` characters; `None` if it is empty."""
    return " ".join(text.split())[:MAX_TITLE].rstrip() or None


def _utf8_or_windows(content: bytes) -> str:
    try:
        content.decode("utf-8")
    except UnicodeDecodeError:
        return "cp1252"
    return "utf-8"


def _base(page: LexborHTMLParser, url: str) -> str:
    """The base URL of a page: https://html.spec.whatwg.org/#set-the-frozen-base-url"""
    base = page.css_first("base[href]")
    try:
        absolute = url if base is None else join_url(url, base.attributes.get("href") or "")
    except ValueError:
        return url
    return url if absolute.startswith(("data:", "javascript:")) else absolute


def _first_links(page: LexborHTMLParser) -> dict[int, LexborNode]:
    """Map each element to the first link inside it; takes linear time at any nesting depth."""
    first: dict[int, LexborNode] = {}
    for anchor in page.css("a[href], area[href]"):
        around = anchor.parent
        while around is not None and around.mem_id not in first:
            first[around.mem_id] = anchor
            around = around.parent
    return first


def _check_depth(url: str, content: bytes) -> None:
    """Reject a page that is nested deeper than `MAX_DEPTH`, which only attacks are."""
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
    """Detect the encoding of a page as a browser does (byte order mark, header, `<meta>`), and decode it.

    Returns:
        The encoding in which queries of links are encoded, and the text.
    """
    mark, _ = read_bom(content)
    if mark is not None and mark.startswith("utf-16"):
        # The byte order mark has precedence. Queries on UTF-16 pages are encoded in UTF-8.
        return "utf-8", content[2:].decode(mark, errors="replace")
    if mark == "utf-8":
        return "utf-8", content[3:].decode(errors="replace")
    for declared in (content_type, None):
        try:
            encoding, text = html_to_unicode(declared, content, auto_detect_fun=_utf8_or_windows)
            name = codecs.lookup(encoding).name
        except (LookupError, UnicodeError):
            continue
        if name.startswith("utf-16") and http_content_type_encoding(declared) is not None:
            return "utf-8", text
        if name.startswith("utf-16"):
            # A page whose `<meta>` is readable as ASCII cannot be UTF-16.
            return "utf-8", content.decode(errors="replace")
        if name in _ENCODINGS:
            return encoding, text
        # An encoding that browsers do not support, such as UTF-7, is ignored, in the header and then in the `<meta>`.
    encoding = _utf8_or_windows(content)
    return encoding, content.decode(encoding, errors="replace")


def _title(anchor: LexborNode) -> str | None:
    """The text of a link, else its `title` or `alt`, else the `alt` of an image in it."""
    pictures = (picture.attributes.get("alt") for picture in anchor.css("img[alt]"))
    others = (anchor.attributes.get("title"), anchor.attributes.get("alt"))
    return short_title(anchor.text()) or next(filter(None, map(short_title, filter(None, (*others, *pictures)))), None)


def main() -> None:
    """Parse a page from standard input, and write its links, or an error message, as JSON to standard output."""
    url, content_type, selector = json.loads(sys.stdin.buffer.readline())
    try:
        found: object = [
            [link.url, link.title] for link in links_on_page(url, sys.stdin.buffer.read(), content_type, selector)
        ]
    except PageError as error:
        found = error.reason
    sys.stdout.buffer.write(json.dumps(found).encode())


if __name__ == "__main__":
    main()
