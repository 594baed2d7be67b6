"""The tables of the version before airnub-data, reduced to JSON Lines: the baseline for the readers.

A copy of `read_json_lines` and `conform` of the removed `airnub_core.tables`; do not improve it.
"""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import polars as pl

from airnub_data.columns import Schema

REASON = "quarantine_reason"
_BEYOND = "fields beyond the header"
_ISO_8601 = r"^(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d)(:\d\d(?:\.\d+)?)?(Z|[+-]\d\d(?::?\d\d)?)?$"
_FIRST, _LAST = datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)


def read_json_lines(content: bytes, columns: dict[str, str]) -> pl.DataFrame:
    """Records as rows of text; a line that is not JSON raises ValueError."""
    rows = []
    for line in content.splitlines():
        if line.strip():
            record = json.loads(line)
            rows.append({name: _text_at(record, path) for name, path in columns.items()})
    return pl.DataFrame(rows, schema=dict.fromkeys(columns, pl.String))


def conform(frame: pl.DataFrame, schema: Schema) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Valid rows, typed; and invalid rows as they were read, with the reason."""
    frame = frame.with_columns(pl.lit(None, pl.String).alias(_BEYOND))
    text = pl.col(pl.String)
    raw = frame.select(*schema, _BEYOND).with_columns(pl.when(text.str.strip_chars() != "").then(text))
    typed = raw.select(_parsed(pl.col(name).str.strip_chars(), schema[name].dtype).alias(name) for name in schema)
    rules = [rule for name in schema for rule in _rules(name, schema)]
    judged = pl.concat([raw, typed.rename(_typed)], how="horizontal").with_columns(
        pl.concat_str(rules, separator="; ", ignore_nulls=True).alias(REASON)
    )
    fits, quarantine = judged.filter(pl.col(REASON) == ""), judged.filter(pl.col(REASON) != "")
    fits = fits.unique(list(schema), keep="last", maintain_order=True)
    return fits.select(pl.col(_typed(name)).alias(name) for name in schema), quarantine.select(*schema, REASON)


def _text_at(record: Any, path: str) -> str | None:
    for step in path.split("."):
        if isinstance(record, list) and step.isdecimal() and int(step) < len(record):
            record = record[int(step)]
        else:
            record = record.get(step) if isinstance(record, dict) else None
    if isinstance(record, str):
        return record.encode(errors="surrogatepass").decode(errors="replace")
    return None if record is None else json.dumps(record)


def _typed(name: str) -> str:
    return f"typed:{name}"


def _parsed(text: pl.Expr, dtype: Any) -> pl.Expr:
    if not isinstance(dtype, pl.Datetime):
        return text.cast(dtype, strict=False)
    day, clock, seconds, offset = (text.str.extract(_ISO_8601, group) for group in range(1, 5))
    iso = pl.concat_str(
        day, pl.lit("T"), clock, seconds.fill_null(":00"), offset.replace("Z", "+0000").fill_null("+0000")
    ).str.to_datetime("%Y-%m-%dT%H:%M:%S%.f%#z", time_unit="us", time_zone="UTC", strict=False)
    milliseconds = text.cast(pl.Int64, strict=False).cast(pl.Datetime("ms", "UTC"))
    return pl.coalesce(_representable(milliseconds), _representable(iso)).cast(dtype)


def _representable(time: pl.Expr) -> pl.Expr:
    return pl.when(time.is_between(_FIRST, _LAST)).then(time)


def _rules(name: str, schema: Schema) -> Iterator[pl.Expr]:
    """The reason for each violated rule, null for valid values."""
    raw, typed, column = pl.col(name), pl.col(_typed(name)), schema[name]
    checks = [(raw.is_not_null() & typed.is_null(), f"expected {column.dtype}"), (raw.is_null(), "expected a value")]
    if column.dtype == pl.String:
        checks.append((typed.str.contains("\ufffd", literal=True), "expected text in UTF-8"))
    if column.dtype == pl.Float64:
        checks.append((typed.is_not_null() & ~typed.is_finite(), "expected a finite number"))
    if column.minimum is not None:
        checks.append((typed < column.minimum, f"expected at least {column.minimum:g}"))
    for fails, expected in checks:
        found = pl.format("{}, found {}", pl.lit(f"{name}: {expected}"), raw.fill_null("nothing"))
        yield pl.when(fails).then(found)
    if name == list(schema)[-1]:
        beyond = pl.col(_BEYOND)
        yield pl.when(beyond.is_not_null()).then(
            pl.format("{}, found {}", pl.lit("expected no field beyond the last column"), beyond)
        )
