"""The options that say where a benchmark keeps and writes its files."""

import argparse
import os
from pathlib import Path


def add_places(parser: argparse.ArgumentParser) -> argparse.ArgumentParser:
    """The parser with `--work`, `--folder`, `--direct` and `--rounds`."""
    default = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "airnub-benchmarks"
    parser.add_argument("--work", type=Path, default=default, help="what is kept: sets, peers (default: %(default)s)")
    parser.add_argument("--folder", type=Path, help="write here, instead of to an ext4 made for each run")
    parser.add_argument("--direct", action="store_true", help="the image of that ext4 past the cache of its disk")
    parser.add_argument("--rounds", type=int, default=5)
    return parser
