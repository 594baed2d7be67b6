"""Keys: of rows with the same key the last one is kept, also across partitions; rows are ordered by

    1. the value of `latest`, if declared; null comes first
    2. the time at which their object became current
    3. the digest of their object
    4. their record in the object

Nulls in a key are equal. `inputs` orders the objects (2 and 3). In a dataset with inputs, two rows with the same key
are an error instead (`transformed`).
"""

from collections.abc import Sequence
from pathlib import Path

import polars as pl

from airnub_data.columns import RECORD
from airnub_data.dataset import Dataset
from airnub_data.stage import HASH, PART

_SLICE = 1_000_000
"""Maximum number of rows whose hashes are compared at a time: 5 M at once took 371 MB and 0.62 s of processor time, in
four slices 138 MB and 0.32 s."""
_POSITION = "_position"


def repeated_hashes(rows: pl.LazyFrame) -> pl.Series:
    """Return the key hashes that occur more than once; a tenth of the cost of comparing the keys themselves."""
    hashes = rows.select(HASH).collect().to_series()
    if hashes.n_unique() == len(hashes):  # takes half the time of listing them
        return hashes.clear()
    return hashes.filter(hashes.is_duplicated()).unique()


def newest_of_key(rows: pl.LazyFrame, dataset: Dataset) -> pl.LazyFrame:
    """Keep one row per key.

    Args:
        rows: in the order of their objects and records; the last one wins unless `latest` decides.
        dataset: declaration with `key` and `latest`.
    """
    if dataset.latest is not None:
        rows = rows.sort(dataset.latest, nulls_last=False, maintain_order=True)
    return rows.unique(subset=list(dataset.key), keep="last", maintain_order=True)


def moved_keys(dataset: Dataset, objects: Sequence[Sequence[Path]], hashes: pl.Series | None = None) -> pl.DataFrame:
    """Find keys whose winning row is in a different partition than their other rows.

    Args:
        dataset: declaration of the dataset.
        objects: staged files of each object, in the order of the objects.
        hashes: restrict the search to keys with these hashes; `None`: all keys.

    Returns:
        One row for each key and partition that must not contain it any more: the columns of the key, and `PART`.
    """
    found = [_moved(dataset, objects, part) for part in _slices(objects, hashes)]
    return pl.concat(found).sort(PART, *dataset.key) if found else pl.DataFrame()


def _slices(objects: Sequence[Sequence[Path]], hashes: pl.Series | None) -> list[pl.Expr]:
    if hashes is not None:
        return [pl.col(HASH).is_in(hashes.implode())]
    files = [path for paths in objects for path in paths]
    if not files:
        return []
    rows = pl.scan_parquet(files).select(pl.len()).collect().item()
    count = max(1, -(-rows // _SLICE))
    return [pl.col(HASH) % count == number for number in range(count)]


def _moved(dataset: Dataset, objects: Sequence[Sequence[Path]], part: pl.Expr) -> pl.DataFrame:
    files = [path for paths in objects for path in paths]
    nothing = pl.col(PART).fill_null(pl.Int32.min())
    several = (
        pl.scan_parquet(files)
        .filter(part)
        .group_by(HASH)
        .agg(nothing.min().alias("first"), nothing.max().alias("last"))
        .filter(pl.col("first") != pl.col("last"))
        .select(HASH)
        .collect()
        .to_series()
    )
    columns = list(dict.fromkeys([*dataset.key, *([dataset.latest] if dataset.latest else [])]))
    if several.is_empty():
        schema = pl.scan_parquet(files).select(*dataset.key, PART).collect_schema() if files else {}
        return pl.DataFrame(schema=schema)
    rows = (
        pl.concat(
            pl.scan_parquet(list(paths)).select(*columns, RECORD, PART, HASH, pl.lit(position).alias(_POSITION))
            for position, paths in enumerate(objects)
            if paths
        )
        .filter(pl.col(HASH).is_in(several.implode()))
        .collect()
    )
    rows = rows.sort(_POSITION, RECORD, maintain_order=True)
    winners = newest_of_key(rows.lazy(), dataset).select(*dataset.key, pl.col(PART).alias("winner")).collect()
    return (
        rows.select(*dataset.key, PART)
        .unique(maintain_order=True)
        .join(winners, on=list(dataset.key), how="left", nulls_equal=True, maintain_order="left")
        .filter(pl.col(PART).ne_missing(pl.col("winner")))
        .select(*dataset.key, PART)
    )
