"""Large pages are read in a process of their own, which can be ended: some take a parser for ever.

20,000 attributes of one element take two seconds, ten times as many minutes, and real pages keep to no limit that would
exclude that. Below `SMALL` the worst is seconds, and a process would cost more than the page.
"""

import asyncio
import json
import sys

from airnub_core.errors import PageError
from airnub_core.sources.links import Link, links_on_page

SMALL = 256 * 1024
"""Bytes; the start of a process takes a quarter of a second."""
LONGEST = 60.0
"""Seconds; 50 MiB of an ordinary page take less than ten."""


async def links_on_any_page(
    url: str, content: bytes, content_type: str | None, selector: str, *, small: int = SMALL, longest: float = LONGEST
) -> list[Link]:
    """As `links_on_page`, beside the event loop, and never for longer than `longest` seconds where it is not small.

    Raises:
        PageError: the page holds no such link, or cannot be read in time.
    """
    if len(content) <= small:
        return await asyncio.to_thread(links_on_page, url, content, content_type, selector)
    asked = json.dumps([url, content_type, selector]).encode() + b"\n" + content
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", "-m", __name__),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        async with asyncio.timeout(longest):
            answer, _ = await process.communicate(asked)
    except TimeoutError as error:
        raise PageError(url, f"expected a page that can be read within {longest:g} s, found one that cannot") from error
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode != 0:
        raise PageError(url, f"expected a page that can be read, found one that ends its reader ({process.returncode})")
    found = json.loads(answer)
    if isinstance(found, str):
        raise PageError(url, found)
    return [Link(*link) for link in found]


def main() -> None:
    """Read a page from standard input, and write its links, or what is wrong with it, to standard output."""
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
