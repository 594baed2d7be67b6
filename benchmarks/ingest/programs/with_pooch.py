"""pooch, which can only fetch one file after another. Arguments: the folder, a file with a URL and digest per line."""

import json
import sys
import time
from pathlib import Path

import pooch


def main(folder: str, listed: str) -> None:
    """Fetch, and print the seconds that it took."""
    pooch.get_logger().setLevel("WARNING")
    wanted = [line.split() for line in Path(listed).read_text().splitlines()]
    started = time.perf_counter()
    for url, digest in wanted:
        pooch.retrieve(url, known_hash=f"sha256:{digest}", fname=url.rpartition("/")[2], path=folder)
    print(json.dumps({"seconds": time.perf_counter() - started}), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
