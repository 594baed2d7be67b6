"""Read and check JSON Lines with the readers of airnub-data, or with the tables of the previous version.

Arguments: the file, and `ours` or `before`.
"""

import sys
from pathlib import Path

from airnub_data.columns import RECORD
from airnub_data.conform import conform
from benchmarks.datasets.declarations import NESTED, PATHS
from benchmarks.datasets.programs import tables_before
from benchmarks.datasets.programs.clock import clocked, say


def main(path: Path, which: str) -> None:
    """Read, check and count records."""
    figures: dict[str, object] = {}
    rows = bad = 0
    with clocked(figures):
        if which == "ours":
            with path.open("rb") as stream:
                for chunk in NESTED.read_by.read("nested", stream, NESTED.columns):
                    conformed = conform(chunk.rows, NESTED.columns)
                    rows += len(conformed.rows)
                    bad += len(conformed.quarantine) + len(chunk.refused)
                    chunk.texts([*conformed.quarantine[RECORD], *(number for number, _ in chunk.refused)])
        else:
            fits, refused = tables_before.conform(
                tables_before.read_json_lines(path.read_bytes(), PATHS), NESTED.columns
            )
            rows, bad = len(fits), len(refused)
    say({**figures, "rows": rows, "quarantined": bad})


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
