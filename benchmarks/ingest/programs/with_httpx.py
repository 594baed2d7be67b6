"""Plain httpx: one worker per connection streams files to the disk one after another. No hash, no retry.

Arguments: the folder, a file of URLs, the number of connections.
"""

import asyncio
import json
import sys
import time
from pathlib import Path

import httpx


async def main(folder: Path, listed: list[str], connections: int) -> None:
    """Fetch, and print the seconds that it took."""
    urls = iter(listed)
    started = time.perf_counter()
    limits = httpx.Limits(max_connections=connections, max_keepalive_connections=connections)
    async with httpx.AsyncClient(limits=limits, timeout=60) as client:

        async def work() -> None:
            for url in urls:
                async with client.stream("GET", url) as response:
                    response.raise_for_status()
                    with (folder / url.rpartition("/")[2]).open("wb") as out:
                        async for piece in response.aiter_raw(1 << 20):
                            out.write(piece)

        await asyncio.gather(*(work() for _ in range(connections)))
    print(json.dumps({"seconds": time.perf_counter() - started}), flush=True)


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), Path(sys.argv[2]).read_text().split(), int(sys.argv[3])))
