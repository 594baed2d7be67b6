"""Conform: cast every column to its declared type, and quarantine invalid rows with all reasons."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import polars as pl

from airnub_data.columns import RECORD, Column, DataType, Schema, described, text_type
from airnub_data.parsing import parse

BEYOND = "_beyond"
"""Column of raw rows with the first surplus field of a line that has more fields than the header."""
REASON = "reason"
"""Column with the rules that a row breaks, each as `RULE, found VALUE`, separated by `; `."""
FOUND = ", found "
_BAD = "_bad"


@dataclass(frozen=True, slots=True)
class Misfit:
    """Values of one column that cannot be cast to its type."""

    values: int
    """Number of values that cannot be cast."""
    record: int
    """Record number of the first such value."""
    reason: str
    """Expected type and the first such value."""


@dataclass(frozen=True, slots=True)
class Conformed:
    """Valid rows with the schema's columns and `RECORD`; `quarantine` has `RECORD` and `REASON` of invalid rows."""

    rows: pl.DataFrame
    quarantine: pl.DataFrame
    filled: Mapping[str, int] = field(default_factory=dict)
    """Number of non-null values of each column, valid or not."""
    misfits: Mapping[str, Misfit] = field(default_factory=dict)
    """Columns with values that cannot be cast to their type."""


def conform(raw: pl.DataFrame, schema: Schema) -> Conformed:
    """Cast every column to its declared type, and separate invalid rows.

    Args:
        raw: rows with every column of the schema as text or as a type that can be cast, with `RECORD`, and with
            `BEYOND` if lines may have more fields than the header. Blank text is null.
        schema: declared columns.

    Returns:
        Valid rows in their order, and record number and reasons of invalid ones.
    """
    columns = [RECORD, *schema, *([BEYOND] if BEYOND in raw.columns else [])]
    raw = _without_blanks(raw.select(columns))
    typed = pl.DataFrame([_converted(raw[name], column).alias(name) for name, column in schema.items()])
    lost = [
        pl.Series(f"lost:{name}", _lost(raw[name], typed[name]))
        for name, column in schema.items()
        if isinstance(column.dtype, pl.List | pl.Struct)
    ]
    judged = pl.concat([raw, typed.rename(_typed), pl.DataFrame(lost)], how="horizontal")
    failing = [fails.fill_null(value=False) for name, column in schema.items() for fails, _ in _rules(name, column)]
    if BEYOND in raw.columns:
        failing.append(pl.col(BEYOND).is_not_null())
    bad = judged.select(pl.any_horizontal(failing).alias(_BAD)).to_series() if failing else None
    rows = typed.with_columns(raw[RECORD])
    filled = {name: len(raw) - raw[name].null_count() for name in schema}
    if bad is None or not bad.any():
        return Conformed(rows, pl.DataFrame(schema={RECORD: raw.schema[RECORD], REASON: pl.String}), filled)
    reasons = [
        pl.when(fails).then(
            pl.format("{}: {}" + FOUND + "{}", pl.lit(name), pl.lit(expected), _shown(name, raw.schema))
        )
        for name, column in schema.items()
        for fails, expected in _rules(name, column)
    ]
    if BEYOND in raw.columns:
        beyond = pl.col(BEYOND)
        reasons.append(
            pl.when(beyond.is_not_null()).then(
                pl.format("expected no field beyond the last column" + FOUND + "{}", beyond)
            )
        )
    # Reasons are formatted only for invalid rows: for all rows it would take a sixth of the processor time.
    failed = judged.filter(bad)
    quarantine = failed.select(RECORD, pl.concat_str(reasons, separator="; ", ignore_nulls=True).alias(REASON))
    return Conformed(rows.filter(~bad), quarantine, filled, dict(_misfits(failed, raw.schema, schema)))


def _misfits(failed: pl.DataFrame, raw: pl.Schema, schema: Schema) -> Iterator[tuple[str, Misfit]]:
    for name, column in schema.items():
        if column.dtype == pl.String:
            continue
        fails, expected = next(_rules(name, column))  # the first rule is the one of the type
        rows = failed.filter(fails.fill_null(value=False))
        if len(rows):
            record, found = rows.select(RECORD, _shown(name, raw)).row(0)
            yield name, Misfit(len(rows), record, f"{expected}{FOUND}{found}")


def _without_blanks(raw: pl.DataFrame) -> pl.DataFrame:
    """Replace text that is empty or white space by null."""
    text = [pl.col(name) for name, dtype in raw.schema.items() if dtype == pl.String]
    if not text:
        return raw
    # Blank text is empty, or begins with a character before "!" or beyond ASCII. A comparison takes a tenth of the time
    # of stripping, and most columns need no more.
    may_be = raw.select(((one < "!") | (one > "~")).any() for one in text).row(0)
    blanks = [one for one, found in zip(text, may_be, strict=True) if found]
    return raw.with_columns(pl.when(one.str.strip_chars() != "").then(one) for one in blanks)


def _typed(name: str) -> str:
    return f"typed:{name}"


def _converted(raw: pl.Series, column: Column) -> pl.Series:
    if raw.dtype == pl.String and column.dtype != pl.String:
        return parse(raw, column.dtype)
    if isinstance(column.dtype, pl.List | pl.Struct) and raw.dtype == text_type(column.dtype):
        return _parsed_within(raw, column.dtype)
    if raw.dtype.is_numeric() and (column.dtype.is_temporal() or column.dtype == pl.Boolean):
        return parse(raw.cast(pl.String), column.dtype)  # as for text: milliseconds since 1970, no boolean
    try:
        converted = raw.cast(column.dtype, strict=False)
    except pl.exceptions.PolarsError:
        return pl.Series(raw.name, [None] * len(raw), dtype=column.dtype)  # no such cast in polars
    if raw.dtype.is_float() and column.dtype.is_integer():
        return converted.zip_with(raw == raw.floor(), pl.Series([None], dtype=column.dtype))
    if (
        isinstance(raw.dtype, pl.Decimal)
        and isinstance(column.dtype, pl.Decimal)
        and raw.dtype.scale > column.dtype.scale
    ):
        return converted.zip_with(converted.cast(raw.dtype, strict=False) == raw, pl.Series([None], dtype=column.dtype))
    return converted


def _parsed_within(raw: pl.Series, dtype: DataType) -> pl.Series:
    """Parse every leaf of nested text values."""
    if isinstance(dtype, pl.Struct):
        fields = [_parsed_within(raw.struct.field(field.name), field.dtype) for field in dtype.fields]
        return pl.DataFrame(fields).to_struct(raw.name).zip_with(raw.is_not_null(), pl.Series([None], dtype=dtype))
    if isinstance(dtype, pl.List):
        inner = _parsed_within(raw.explode(empty_as_null=False, keep_nulls=False), dtype.inner)
        rows = pl.DataFrame({"row": raw.list.len().fill_null(0)}).with_row_index("of")
        of = rows.select(pl.col("of").repeat_by("row").explode(empty_as_null=False)).to_series()
        lists = pl.DataFrame([of, inner.alias("inner")]).group_by("of", maintain_order=True).agg("inner")
        whole = rows.select("of").join(lists, on="of", how="left", maintain_order="left")["inner"]
        empty = pl.Series([[]], dtype=pl.List(inner.dtype))
        filled = whole.cast(pl.List(inner.dtype)).zip_with(raw.list.len().fill_null(1) > 0, empty)
        return filled.alias(raw.name)
    return parse(raw, dtype)


def _lost(raw: pl.Series, typed: pl.Series) -> pl.Series:
    """Return one boolean per row: whether any value within a list or struct could not be parsed."""
    if isinstance(typed.dtype, pl.Struct):
        within = [_lost(raw.struct.field(f.name), typed.struct.field(f.name)).alias(f.name) for f in typed.dtype.fields]
        return pl.DataFrame(within).select(pl.any_horizontal(pl.all())).to_series()
    if isinstance(typed.dtype, pl.List):
        inner = _lost(
            raw.explode(empty_as_null=False, keep_nulls=False), typed.explode(empty_as_null=False, keep_nulls=False)
        )
        rows = pl.DataFrame({"row": raw.list.len().fill_null(0)}).with_row_index("of")
        of = rows.select(pl.col("of").repeat_by("row").explode(empty_as_null=False)).to_series()
        return rows["of"].is_in(of.filter(inner).implode())
    return raw.is_not_null() & typed.is_null()


def _rules(name: str, column: Column) -> Iterator[tuple[pl.Expr, str]]:
    """Yield each validation rule as an expression that is true for invalid rows (null: valid), with the expectation."""
    raw, typed = pl.col(name), pl.col(_typed(name))
    if isinstance(column.dtype, pl.List | pl.Struct):
        yield pl.col(f"lost:{name}"), f"expected {described(column.dtype)}"
    elif column.dtype != pl.String:
        yield raw.is_not_null() & typed.is_null(), f"expected {described(column.dtype)}"
    else:
        yield typed.str.contains("\ufffd", literal=True), "expected text in its encoding"
    if not column.nullable:
        yield raw.is_null(), "expected a value"
    if column.dtype in (pl.Float32, pl.Float64):
        yield typed.is_not_null() & ~typed.is_finite(), "expected a finite number"
    if column.minimum is not None:
        yield typed < column.minimum, f"expected at least {column.minimum:g}"
    if column.maximum is not None:
        yield typed > column.maximum, f"expected at most {column.maximum:g}"
    if column.one_of is not None:
        yield typed.is_not_null() & ~typed.is_in(column.one_of), f"expected one of {', '.join(column.one_of)}"


def _shown(name: str, schema: pl.Schema) -> pl.Expr:
    value = pl.col(name)
    if isinstance(schema[name], pl.Struct):
        return value.struct.json_encode().fill_null("nothing")
    if isinstance(schema[name], pl.List):
        return value.map_elements(lambda values: str(values.to_list()), return_dtype=pl.String).fill_null("nothing")
    return value.cast(pl.String, strict=False).fill_null("nothing")
