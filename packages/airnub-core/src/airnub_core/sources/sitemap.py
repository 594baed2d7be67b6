"""Sitemaps: read the URLs that a sitemap lists, in each of the formats that sites use."""

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from xml.etree.ElementTree import ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from airnub_core.errors import PageError
from airnub_core.sources.html import MAX_PAGE_BYTES, Link, resolved, short_title


@dataclass(frozen=True, slots=True)
class Sitemap:
    """The pages that a sitemap lists, or the further sitemaps that an index of sitemaps lists."""

    pages: list[Link]
    sitemaps: list[str]


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
        absolute = resolved(base, target)
        if absolute is not None and absolute not in links:
            links[absolute] = Link(absolute, short_title(title or ""))
    return list(links.values())


def _lines_of_urls(content: bytes) -> list[str] | None:
    """The lines of a text that holds whole http(s) URLs and nothing else."""
    try:
        lines = [line.strip() for line in content.decode("utf-8-sig").splitlines()]
    except UnicodeDecodeError:
        return None
    urls = [line for line in lines if line]
    return urls if urls and all(line.lower().startswith(("http://", "https://")) for line in urls) else None


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
