"""Tables: rows of text become typed Parquet; rows that do not fit are set aside with the reason. Needs `[tables]`.

The only module here that imports polars.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl

from airnub_common import redact_text
from airnub_core.errors import DatasetError, StoreError
from airnub_core.field_types import WORDS
from airnub_core.outcome import Outcome, Violation
from airnub_core.results import remove_result, write_result

REASON = "quarantine_reason"
"""The column of a quarantine file that says why a row is there; no dataset has a column of this name."""

_LONGEST_EXAMPLE = 80
"""Characters of a value that an outcome shows; the quarantine file has all of it."""
_BEYOND = "fields beyond the header"
_ISO_8601 = r"^(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d)(:\d\d(?:\.\d+)?)?(Z|[+-]\d\d(?::?\d\d)?)?$"
_FIRST, _LAST = datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)
"""What Python has dates for."""


@dataclass(frozen=True, slots=True)
class Column:
    """What a column holds: its type, and what its values may be.

    Of text, a `pl.Date` is read from `2018-02-07`; a `pl.Datetime` from ISO 8601, in UTC where it has no offset, and
    from milliseconds since 1970; a `pl.Boolean` from `true` and `false`.
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
    violations: tuple[Violation, ...] = ()
    """The rules that the quarantined rows break; the one that most of them break comes first."""
    superseded: int = 0
    """Rows that fit and lost against a newer row of their key."""
    read: int = 0
    """All rows as they came, identical ones too."""


def read_csv(dataset: str, contents: Iterable[bytes]) -> pl.DataFrame:
    """The rows of CSV files with headers, every column as text.

    A line with too few fields has missing values, one without any value is left out. What a line has beyond the header
    is in a column of its own, so that `conform` sets it aside. Bytes that are not UTF-8 become U+FFFD, with which no
    text conforms.

    Raises:
        DatasetError: one is no CSV, or has other columns than those before it.
    """
    frames: list[pl.DataFrame] = []
    for content in contents:
        try:
            frame = _read_csv(content)
        except pl.exceptions.PolarsError as error:
            # Polars says on the first line what it found, and on many more how to make it read on.
            found = str(error).partition("\n")[0]
            raise DatasetError(dataset, f"expected a CSV file with a header, found: {found}") from error
        if frames and frame.columns != frames[0].columns:
            first, other = (", ".join(one.drop(_BEYOND).columns) for one in (frames[0], frame))
            raise DatasetError(dataset, f"expected the columns {first} in every file, found {other}")
        frames.append(frame)
    return pl.concat(frames) if frames else pl.DataFrame()


def read_json_lines(dataset: str, contents: Iterable[bytes], columns: Mapping[str, str]) -> pl.DataFrame:
    """Records of JSON Lines files as rows of text; empty lines are left out.

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
            if not line.strip():
                continue
            try:
                record = json.loads(line)
            except (ValueError, RecursionError) as error:
                raise DatasetError(dataset, f"expected JSON on line {number}, found {line[:40]!r}: {error}") from error
            rows.append({name: _text_at(record, path) for name, path in columns.items()})
    return pl.DataFrame(rows, schema=dict.fromkeys(columns, pl.String))


def conform(dataset: str, frame: pl.DataFrame, schema: Schema, unique: tuple[str, ...] = ()) -> Conformed:
    """Give every column its declared type, and set aside the rows that do not fit.

    Args:
        dataset: its name, for errors.
        frame: any number of rows, oldest first; columns of text or of types that can be converted; further columns
            are left out.
        schema: what each column must hold.
        unique: columns of the key. Of rows that fit and are alike in all columns one is kept; of those with the same
            key the last, and the others are counted as superseded. Rows come in the order of their keys.

    Raises:
        DatasetError: a declared column is missing.
    """
    missing = [name for name in schema if name not in frame.columns]
    if missing:
        found = ", ".join(frame.columns) or "no columns"
        raise DatasetError(dataset, f"expected the columns {', '.join(missing)}, found {found}")
    if _BEYOND not in frame.columns:
        frame = frame.with_columns(pl.lit(None, pl.String).alias(_BEYOND))
    # An empty field of a CSV is a missing value, whatever its type.
    text = pl.col(pl.String)
    raw = frame.select(*schema, _BEYOND).with_columns(pl.when(text.str.strip_chars() != "").then(text))
    typed = raw.select(_converted(name, raw.schema[name], column) for name, column in schema.items())
    rules = [*(rule for name, column in schema.items() for rule in _rules(name, column)), _no_further_field()]
    judged = pl.concat([raw, typed.rename(_typed)], how="horizontal").with_columns(
        pl.concat_str([rule.reason() for rule in rules], separator="; ", ignore_nulls=True).alias(REASON)
    )
    fits, quarantine = judged.filter(pl.col(REASON) == ""), judged.filter(pl.col(REASON) != "")
    # The last of identical rows: where a record went back to what it was, that is what it is now.
    fits = fits.unique(list(schema), keep="last", maintain_order=True)
    rows = fits.select(pl.col(_typed(name)).alias(name) for name in schema)
    if unique:
        # In the order of keys, since that of objects may be different in another store with the same rows.
        rows = rows.filter(pl.struct(unique).is_last_distinct()).sort(unique)
    return Conformed(
        rows,
        quarantine.select(*schema, REASON),
        _violations(rules, quarantine),
        superseded=fits.height - rows.height,
        read=frame.height,
    )


def write_dataset(folder: Path, dataset: str, conformed: Conformed) -> Outcome:
    """Write `<dataset>.parquet`, and `<dataset>.quarantine.csv` where there are rows for it.

    Returns:
        The outcome: `unchanged` where the file holds the same bytes already.

    Raises:
        StoreError: the folder cannot be written, or the disk is full.
    """
    buffer = BytesIO()
    conformed.rows.write_parquet(buffer, compression="zstd", statistics=True)
    quarantine = f"{dataset}.quarantine.csv"
    if not conformed.quarantine.is_empty():
        write_result(folder, quarantine, conformed.quarantine.write_csv().encode(), dataset)
    outcome = write_result(folder, f"{dataset}.parquet", buffer.getvalue(), dataset)
    if conformed.quarantine.is_empty():
        remove_result(folder, quarantine)
    remove_result(folder, rejected_name(dataset))
    return replace(
        outcome,
        rows=conformed.rows.height,
        quarantined=conformed.quarantine.height,
        superseded=conformed.superseded,
        violations=conformed.violations,
    )


def write_rejected(folder: Path, dataset: str, conformed: Conformed) -> None:
    """Write the quarantined rows of an attempt that must not become the dataset; all that belongs to it stays.

    The file is called `rejected_name`; where no row is quarantined it is removed.

    Raises:
        StoreError: the folder cannot be written, or the disk is full.
    """
    if conformed.quarantine.is_empty():
        remove_result(folder, rejected_name(dataset))
    else:
        write_result(folder, rejected_name(dataset), conformed.quarantine.write_csv().encode(), dataset)


def rejected_name(dataset: str) -> str:
    """The file with the quarantined rows of the last attempt, there until an attempt succeeds."""
    return f"{dataset}.rejected.csv"


def may_have_rows(path: Path) -> bool:
    """Whether rows may be lost with a Parquet file: `False` where it is missing or empty.

    Raises:
        StoreError: it is there, and the system does not let us read it.
    """
    try:
        return bool(pl.scan_parquet(path, glob=False).select(pl.len()).collect().item())
    except FileNotFoundError:
        return False
    except pl.exceptions.PolarsError:
        return True  # a damaged file may be one that had rows
    except OSError as error:
        raise StoreError.of(error, path) from error


def type_name(dtype: pl.DataType | type[pl.DataType]) -> str:
    """A type as contracts call it (`field_types`); as polars does where they have no word for it."""
    if dtype == pl.Datetime and isinstance(dtype, pl.Datetime) and dtype.time_zone == "UTC":
        return f"datetime_{dtype.time_unit}"
    name = str(dtype)
    return name.lower() if name.lower() in WORDS else name


def _read_csv(content: bytes) -> pl.DataFrame:
    columns = pl.read_csv(
        content, infer_schema=False, n_rows=0, encoding="utf8-lossy", truncate_ragged_lines=True
    ).columns
    # With a column more than the header, what would be cut off is kept there.
    frame = pl.read_csv(
        content,
        schema=dict.fromkeys([*columns, _BEYOND], pl.String),
        missing_columns="insert",
        encoding="utf8-lossy",
        truncate_ragged_lines=True,
    )
    return frame.filter(pl.any_horizontal(pl.all().is_not_null()))


def _text_at(record: Any, path: str) -> str | None:
    for step in path.split("."):
        if isinstance(record, list) and step.isdecimal() and int(step) < len(record):
            record = record[int(step)]
        else:
            record = record.get(step) if isinstance(record, dict) else None
    if isinstance(record, str):
        # Half a surrogate pair is no character, but JSON can say it: like any other bytes that are no text.
        return record.encode(errors="surrogatepass").decode(errors="replace")
    return None if record is None else json.dumps(record)


def _typed(name: str) -> str:
    return f"typed:{name}"


def _converted(name: str, found: pl.DataType, column: Column) -> pl.Expr:
    value = pl.col(name)
    if found == pl.String and column.dtype != pl.String:
        return _parsed(value.str.strip_chars(), column.dtype).alias(name)
    converted = value.cast(column.dtype, strict=False)
    if found.is_float() and column.dtype.is_integer():
        return pl.when(value == value.floor()).then(converted).alias(name)
    return converted.alias(name)


def _parsed(text: pl.Expr, dtype: pl.DataType | type[pl.DataType]) -> pl.Expr:
    """Text as a type, null where it cannot be; one row never decides how another is read."""
    if dtype == pl.Boolean:
        return text.str.to_lowercase().replace_strict({"true": True, "false": False}, default=None)
    if dtype == pl.Date:
        date = text.str.to_date("%Y-%m-%d", strict=False)
        return pl.when(text.str.contains(r"^\d{4}-\d\d-\d\d$"), date >= _FIRST.date()).then(date)
    if isinstance(dtype, pl.Datetime):
        day, clock, seconds, offset = (text.str.extract(_ISO_8601, group) for group in range(1, 5))
        iso = pl.concat_str(
            day, pl.lit("T"), clock, seconds.fill_null(":00"), offset.replace("Z", "+0000").fill_null("+0000")
        ).str.to_datetime("%Y-%m-%dT%H:%M:%S%.f%#z", time_unit="us", time_zone="UTC", strict=False)
        milliseconds = text.cast(pl.Int64, strict=False).cast(pl.Datetime("ms", "UTC"))
        return pl.coalesce(_tellable(milliseconds), _tellable(iso)).cast(dtype)
    return text.cast(dtype, strict=False)


def _tellable(time: pl.Expr) -> pl.Expr:
    return pl.when(time.is_between(_FIRST, _LAST)).then(time)


class _Rule(NamedTuple):
    """What a value must be, over the columns of raw and of typed values."""

    fails: pl.Expr
    """Null, like false, where the value fits."""
    expected: str
    found: pl.Expr
    """The raw value as text."""

    def reason(self) -> pl.Expr:
        """Why a row does not fit; null where it does."""
        return pl.when(self.fails).then(pl.format("{}, found {}", pl.lit(self.expected), self.found))


def _rules(name: str, column: Column) -> list[_Rule]:
    """One rule for each way in which a value may not fit."""
    raw, typed = pl.col(name), pl.col(_typed(name))
    shown = raw.cast(pl.String, strict=False).fill_null("nothing")
    unread = raw.is_not_null() & typed.is_null()
    checks = [(unread, f"expected {_described(column.dtype)}")]
    if column.dtype == pl.String:
        checks.append((typed.str.contains("\ufffd", literal=True), "expected text in UTF-8"))
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
    return [_Rule(fails, f"{name}: {expected}", shown) for fails, expected in checks]


def _no_further_field() -> _Rule:
    beyond = pl.col(_BEYOND)
    return _Rule(beyond.is_not_null(), "expected no field beyond the last column", beyond)


def _violations(rules: Sequence[_Rule], broken: pl.DataFrame) -> tuple[Violation, ...]:
    """How many rows break each rule, of rows that break one."""
    if broken.is_empty():
        return ()
    counts = broken.select(rule.fails.sum().alias(str(number)) for number, rule in enumerate(rules)).row(0)
    examples = broken.select(
        rule.found.filter(rule.fails).first().alias(str(number)) for number, rule in enumerate(rules)
    ).row(0)
    found = [
        Violation(rule.expected, rows, _shown(example))
        for rule, rows, example in zip(rules, counts, examples, strict=True)
        if rows
    ]
    return tuple(sorted(found, key=lambda violation: -violation.rows))


def _shown(value: str) -> str:
    """A value in one line."""
    text = redact_text(" ".join(value.split()))
    return text if len(text) <= _LONGEST_EXAMPLE else f"{text[:_LONGEST_EXAMPLE]}…"


def _described(dtype: pl.DataType | type[pl.DataType]) -> str:
    """A type, for whoever wrote the file."""
    if isinstance(dtype, pl.Datetime):
        return "a time such as 2018-02-07T01:26:13Z, or milliseconds since 1970"
    if dtype == pl.Date:
        return "a date such as 2018-02-07"
    if dtype == pl.Boolean:
        return "true or false"
    if dtype.is_integer():
        return f"a whole number ({dtype})"
    return "a number" if dtype.is_float() else str(dtype)
