"""Options of a benchmark: its folders, and the number of rounds."""

import argparse
import os
from pathlib import Path


def add_places(parser: argparse.ArgumentParser) -> argparse.ArgumentParser:
    """The parser with `--work`, `--folder`, `--direct` and `--rounds`."""
    default = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "airnub-benchmarks"
    parser.add_argument("--work", type=Path, default=default, help="folder for sets and peers (default: %(default)s)")
    parser.add_argument("--folder", type=Path, help="write to this folder instead of to a new ext4 for each run")
    parser.add_argument("--direct", action="store_true", help="let the image of that ext4 bypass the page cache")
    parser.add_argument("--rounds", type=int, default=5)
    return parser
