"""Plain polars: scan, cast, keep any one row of each key, sink. Values that cannot be cast are null.

Arguments: the CSV, the Parquet file to write, and `key` or `all`.
"""

import sys

import polars as pl

from benchmarks.datasets.programs.clock import clocked, say

COLUMNS = ("id", "at", "site", "value", "status")


def main(source: str, target: str, rows: str) -> None:
    """Write the file."""
    figures: dict[str, object] = {}
    with clocked(figures):
        frame = pl.scan_csv(source, schema=dict.fromkeys(COLUMNS, pl.String)).with_columns(
            pl.col("at").str.to_datetime("%Y-%m-%dT%H:%M:%SZ", time_unit="us", time_zone="UTC", strict=False),
            pl.col("value").cast(pl.Float64, strict=False),
        )
        if rows == "key":
            frame = frame.unique(subset=["id"], keep="any")
        frame.sink_parquet(target)
    say({**figures, "rows": pl.scan_parquet(target).select(pl.len()).collect().item()})


if __name__ == "__main__":
    main(*sys.argv[1:])
