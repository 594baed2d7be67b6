"""A table with many commits: make the commits (`before`), or open it, read one partition and commit (`after`).

Arguments: the folder of datasets, `before` and how many, or `after`.
"""

import sys
import time
from pathlib import Path

import polars as pl

from airnub_data import Location
from airnub_data.partition_files import described
from airnub_data.table import Table, create
from benchmarks.datasets.programs.clock import say

_PARTITIONS = 400
_SCHEMA = pl.Schema({"id": pl.Int64(), "value": pl.Float64()})


def main(folder: Path, which: str, count: int = 0) -> None:
    """Run one of the two parts."""
    location = Location(folder)
    if which == "before":
        create(
            location, "many", [_file(location, f"{number:03}/0.parquet") for number in range(_PARTITIONS)], _SCHEMA, {}
        )
        for number in range(1, count + 1):
            _replace(_open(location), number)
        return
    started = time.perf_counter()
    table = _open(location)
    opened = time.perf_counter()
    [path] = [path for path in table.files() if path.startswith("007/")]
    rows = len(pl.read_parquet(folder / "many" / path))
    read = time.perf_counter()
    _replace(table, table.version + 1)
    committed = time.perf_counter()
    say({"rows": rows, "open": opened - started, "read": read - opened, "commit": committed - read, "seconds": 0})


def _open(location: Location) -> Table:
    table = Table.open(location, "many")
    assert table is not None
    return table


def _replace(table: Table, number: int) -> None:
    prefix = f"{number % _PARTITIONS:03}/"
    gone = [file for path, file in table.files().items() if path.startswith(prefix)]
    table.commit([_file(table.location, f"{prefix}{number}.parquet")], gone, _SCHEMA, {"run": number, "code": "0" * 64})


def _file(location: Location, path: str):
    file = location.temporary("many")
    pl.DataFrame({"id": [1, 2], "value": [0.5, 1.5]}, schema=_SCHEMA).write_parquet(file)
    added = described(path, file)
    location.place(file, f"many/{path}")
    return added


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], *map(int, sys.argv[3:]))
