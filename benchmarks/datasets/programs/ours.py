"""airnub's program: update one dataset from a store.

Arguments: the dataset's name in `declarations`, the store, the folder of datasets.
"""

import sys
from pathlib import Path

from airnub_data import Limits, Location, make_dataset
from benchmarks.datasets import declarations
from benchmarks.datasets.programs.clock import clocked, say


def main(name: str, store: Path, datasets: Path) -> None:
    """Make the dataset, and print the result."""
    dataset = getattr(declarations, name)
    figures: dict[str, object] = {}
    with clocked(figures):
        made = make_dataset(dataset, store, Location(datasets), limits=Limits("100%", "100%"), parquet_copy=False)
    record = made.record
    passed = sum(check.passed for check in made.checks)
    say({**figures, "rows": record.rows, "quarantined": record.quarantined, "changed": made.changed, "checks": passed})


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]))
