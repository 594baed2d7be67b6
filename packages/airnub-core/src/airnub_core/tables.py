"""Tables: rows of text become typed Parquet; rows that do not fit are set aside with the reason. Needs `[tables]`.

The only module here that imports polars.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from io import BytesIO
from pathlib import Path
from typing import Any

import polars as pl

from airnub_common import write_atomic
from airnub_core.errors import DatasetError
from airnub_core.outcome import Outcome
from airnub_core.results import write_result

REASON = "reason"
"""The column of a quarantine file that says why a row is there."""


@dataclass(frozen=True, slots=True)
class Column:
    """What a column holds: its type, and what its values may be.

    A `pl.Datetime("ms", "UTC")` is read from ISO 8601, and from milliseconds since 1970.
    """

    dtype: pl.DataType | type[pl.DataType]
    nullable: bool = False
    minimum: float | None = None
    maximum: float | None = None
    one_of: tuple[str, ...] | None = None


Schema = Mapping[str, Column]


@dataclass(frozen=True, slots=True)
class Conformed:
    """Rows that fit, typed and in the schema's columns; and those that do not, as they came, with the reason."""

    rows: pl.DataFrame
    quarantine: pl.DataFrame


def read_csv(dataset: str, contents: Iterable[bytes]) -> pl.DataFrame:
    """The rows of CSV files with headers, every column as text; a line with too few fields has missing values.

    Raises:
        DatasetError: one is no CSV, or has other columns than those before it.
    """
    frames: list[pl.DataFrame] = []
    for content in contents:
        try:
            frame = pl.read_csv(content, infer_schema=False, encoding="utf8-lossy", truncate_ragged_lines=True)
        except pl.exceptions.PolarsError as error:
            raise DatasetError(dataset, f"expected a CSV file with a header, found none: {error}") from error
        if frames and frame.columns != frames[0].columns:
            columns = ", ".join(frames[0].columns)
            raise DatasetError(
                dataset, f"expected the columns {columns} in every file, found {', '.join(frame.columns)}"
            )
        frames.append(frame)
    return pl.concat(frames) if frames else pl.DataFrame()


def read_json_lines(dataset: str, contents: Iterable[bytes], columns: Mapping[str, str]) -> pl.DataFrame:
    """Records of JSON Lines files as rows of text.

    Args:
        dataset: its name, for errors.
        contents: the files.
        columns: the dotted path of each column in a record; what a record lacks is a missing value.

    Raises:
        DatasetError: a line is no JSON.
    """
    rows: list[dict[str, str | None]] = []
    for content in contents:
        for number, line in enumerate(content.splitlines(), 1):
            try:
                record = json.loads(line)
            except ValueError as error:
                raise DatasetError(dataset, f"expected JSON on line {number}, found {line[:40]!r}: {error}") from error
            rows.append({name: _text_at(record, path) for name, path in columns.items()})
    return pl.DataFrame(rows, schema=dict.fromkeys(columns, pl.String))


def conform(dataset: str, frame: pl.DataFrame, schema: Schema, unique: tuple[str, ...] = ()) -> Conformed:
    """Give every column its declared type, and set aside the rows that do not fit.

    Args:
        dataset: its name, for errors.
        frame: any number of rows, columns of text or of types that can be converted; further columns are left out.
        schema: what each column must hold.
        unique: columns that tell rows apart; of rows that are alike in all columns one is kept, of others with the
            same key the first.

    Raises:
        DatasetError: a declared column is missing.
    """
    missing = [name for name in schema if name not in frame.columns]
    if missing:
        found = ", ".join(frame.columns) or "no columns"
        raise DatasetError(dataset, f"expected the columns {', '.join(missing)}, found {found}")
    # An empty field of a CSV is a missing value, whatever its type.
    raw = frame.select(list(schema)).with_columns(pl.col(pl.String).replace("", None)).unique(maintain_order=True)
    typed = raw.select(_converted(name, raw.schema[name], column) for name, column in schema.items())
    judged = pl.concat([raw, typed.rename(_typed)], how="horizontal").with_columns(
        pl.concat_str(
            [reason for name, column in schema.items() for reason in _reasons(name, column)],
            separator="; ",
            ignore_nulls=True,
        ).alias(REASON)
    )
    fits, quarantine = judged.filter(pl.col(REASON) == ""), judged.filter(pl.col(REASON) != "")
    if unique:
        first = pl.struct(map(_typed, unique)).is_first_distinct()
        reason = pl.lit(f"expected one row for each {', '.join(unique)}, found another before this one")
        quarantine = pl.concat([quarantine, fits.filter(~first).with_columns(reason.alias(REASON))])
        fits = fits.filter(first)
    return Conformed(
        fits.select(pl.col(_typed(name)).alias(name) for name in schema), quarantine.select(*schema, REASON)
    )


def write_dataset(folder: Path, dataset: str, conformed: Conformed) -> Outcome:
    """Write `<dataset>.parquet`, and `<dataset>.quarantine.csv` where there are rows for it.

    Returns:
        The outcome: `unchanged` where the file holds the same bytes already.

    Raises:
        OSError: the folder cannot be written.
    """
    buffer = BytesIO()
    conformed.rows.write_parquet(buffer, compression="zstd", statistics=True)
    quarantine = folder / f"{dataset}.quarantine.csv"
    if conformed.quarantine.is_empty():
        quarantine.unlink(missing_ok=True)
    else:
        write_atomic(quarantine, conformed.quarantine.write_csv())
    outcome = write_result(folder, f"{dataset}.parquet", buffer.getvalue(), dataset)
    return replace(outcome, rows=conformed.rows.height, quarantined=conformed.quarantine.height)


def _text_at(record: Any, path: str) -> str | None:
    for step in path.split("."):
        if isinstance(record, list) and step.isdecimal() and int(step) < len(record):
            record = record[int(step)]
        else:
            record = record.get(step) if isinstance(record, dict) else None
    return record if record is None or isinstance(record, str) else json.dumps(record)


def _typed(name: str) -> str:
    return f"typed:{name}"


def _converted(name: str, found: pl.DataType, column: Column) -> pl.Expr:
    value = pl.col(name)
    if found == pl.String and column.dtype != pl.String:
        value = value.str.strip_chars()
        if isinstance(column.dtype, pl.Datetime):
            milliseconds = value.cast(pl.Int64, strict=False).cast(column.dtype)
            text = value.str.to_datetime(
                time_unit=column.dtype.time_unit, time_zone=column.dtype.time_zone, strict=False
            )
            return pl.coalesce(milliseconds, text).alias(name)
        if column.dtype == pl.Date:
            return value.str.to_date(strict=False).alias(name)
    return value.cast(column.dtype, strict=False).alias(name)


def _reasons(name: str, column: Column) -> list[pl.Expr]:
    """One expression for each way in which a value may not fit; null where it fits."""
    raw, typed = pl.col(name), pl.col(_typed(name))
    shown = raw.cast(pl.String, strict=False).fill_null("nothing")
    unread = raw.is_not_null() & typed.is_null()
    checks = [(unread, f"expected {column.dtype}")]
    if not column.nullable:
        checks.append((raw.is_null(), "expected a value"))
    if column.dtype in (pl.Float32, pl.Float64):
        checks.append((typed.is_not_null() & ~typed.is_finite(), "expected a finite number"))
    if column.minimum is not None:
        checks.append((typed < column.minimum, f"expected at least {column.minimum:g}"))
    if column.maximum is not None:
        checks.append((typed > column.maximum, f"expected at most {column.maximum:g}"))
    if column.one_of is not None:
        checks.append(
            (typed.is_not_null() & ~typed.is_in(column.one_of), f"expected one of {', '.join(column.one_of)}")
        )
    return [
        pl.when(fails).then(pl.format("{}: {}, found {}", pl.lit(name), pl.lit(expected), shown))
        for fails, expected in checks
    ]
