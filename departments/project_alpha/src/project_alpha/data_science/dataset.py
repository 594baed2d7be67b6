"""The dataset: daily weather as the flows publish it, checked before anything is computed from it."""

from collections.abc import Iterator
from pathlib import Path

import polars as pl

COLUMNS: dict[str, pl.DataType] = {
    "location": pl.String(),
    "date": pl.Date(),
    "precipitation": pl.Float64(),  # mm per day
    "temp_max": pl.Float64(),  # °C
    "temp_min": pl.Float64(),  # °C
    "wind": pl.Float64(),  # m/s
    "weather": pl.String(),  # drizzle, rain, sun, snow or fog
}

_HOW_TO_MAKE_IT = (
    "make it with `uv run project-alpha demo` (and `--datasets data/demo/project_alpha/datasets` here), "
    "or with `uv run project-alpha run processing`"
)


class DatasetError(Exception):
    """The dataset is not there, or is not what the research needs; the message says what to do."""


def load_days(path: Path) -> pl.DataFrame:
    """The days of all places, in the columns of `COLUMNS`, one row per place and day, sorted by both.

    NaN becomes null. Columns the research does not know are left out.

    Raises:
        DatasetError: there is no such file, it is not Parquet, or its columns or rows are not as expected; all
            problems are named at once.
    """
    if not path.is_file():
        raise DatasetError(
            f"expected daily weather in {path}, found no such file; {_HOW_TO_MAKE_IT}, "
            "or name the folder that holds it with --datasets"
        )
    try:
        table = pl.read_parquet(path)
    except (pl.exceptions.PolarsError, OSError) as error:
        raise DatasetError(
            f"expected a Parquet file in {path}, found one that cannot be read ({error}); {_HOW_TO_MAKE_IT}"
        ) from error
    problems = list(_column_problems(table.schema)) or list(_row_problems(table))
    if problems:
        raise DatasetError(f"{path} is not as expected: {'; '.join(problems)}; {_HOW_TO_MAKE_IT}")
    return table.select(*COLUMNS).with_columns(pl.col(pl.Float64).fill_nan(None)).sort("location", "date")


def _column_problems(schema: pl.Schema) -> Iterator[str]:
    missing = [name for name in COLUMNS if name not in schema]
    if missing:
        yield f"missing columns: {', '.join(missing)} (found: {', '.join(schema) or 'none'})"
    for name, expected in COLUMNS.items():
        if name in schema and schema[name] != expected:
            yield f"column {name}: expected {expected}, found {schema[name]}"


def _row_problems(table: pl.DataFrame) -> Iterator[str]:
    if table.is_empty():
        yield "expected daily rows, found none"
    nameless = table.filter(pl.col("location").is_null() | pl.col("date").is_null()).height
    if nameless:
        yield f"{nameless} rows without a location or a date"
    repeated = table.height - table.select("location", "date").n_unique()
    if repeated:
        yield f"expected one row per location and date, found {repeated} repeated"
    negative = table.filter(pl.col("precipitation") < 0).height
    if negative:
        yield f"{negative} rows with precipitation below 0 mm"
