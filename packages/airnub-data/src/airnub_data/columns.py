"""Columns: declared columns, and the mapping of their types between polars, Delta Lake and contracts."""

from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl
from polars.datatypes import DataTypeClass

from airnub_core.contracts.field_types import Decimal, FieldTree, ListOf, Simple, Struct, parse_field_type

DataType = pl.DataType | DataTypeClass | type[pl.DataType]

OBJECT = "_object"
"""Column with the digest of the object that a row comes from: `sha256:…`."""
RECORD = "_record"
"""Column with the position of a row in its object: the line (CSV, JSON Lines; the first is 1) or the record number."""
INTERNAL = (OBJECT, RECORD)
"""Columns that are not part of contracts and of the default result of `scan`."""


@dataclass(frozen=True, slots=True)
class Column:
    """Type of a column and constraints on its values.

    Values are parsed from text as follows: `pl.Date` from `2018-02-07`; `pl.Datetime` from ISO 8601, as UTC if there is
    no offset, or from milliseconds since 1970; `pl.Boolean` from `true` and `false`; `pl.Decimal` from a number with at
    most as many fractional digits as its scale.
    """

    dtype: DataType
    nullable: bool = False
    """Whether values may be null; a null in a non-nullable column quarantines the row."""
    minimum: float | None = None
    """Minimum value, inclusive."""
    maximum: float | None = None
    """Maximum value, inclusive."""
    one_of: tuple[str, ...] | None = None
    """Allowed values of a text column."""
    unit: str | None = None
    """Unit, for documentation. A change of `unit` or `description` does not make rows again."""
    description: str | None = None


Schema = Mapping[str, Column]

_WORDS: Mapping[str, DataType] = {
    "string": pl.String(), "boolean": pl.Boolean(), "date": pl.Date(),
    "datetime_ms": pl.Datetime("ms", "UTC"), "datetime_us": pl.Datetime("us", "UTC"),
    "datetime_ns": pl.Datetime("ns", "UTC"), "float32": pl.Float32(), "float64": pl.Float64(),
    "int8": pl.Int8(), "int16": pl.Int16(), "int32": pl.Int32(), "int64": pl.Int64(),
    "uint8": pl.UInt8(), "uint16": pl.UInt16(), "uint32": pl.UInt32(), "uint64": pl.UInt64(),
}  # fmt: skip
"""Contract types that are a single word (`airnub_core.contracts.field_types`), and their polars types."""


def type_name(dtype: DataType) -> str:
    """Return the contract name of a type, or the polars name if contracts have no such type.

    >>> type_name(pl.Datetime("us", "UTC")), type_name(pl.Decimal(12, 2)), type_name(pl.List(pl.Int64))
    ('datetime_us', 'decimal(12,2)', 'list(int64)')
    """
    kind = _field_type(dtype)
    return str(dtype) if kind is None else str(kind)


def column_type(name: str) -> DataType:
    """Return the polars type of a contract type; the inverse of `type_name`.

    >>> column_type("list(decimal(12,2))")
    List(Decimal(precision=12, scale=2))

    Raises:
        ValueError: the name is not a contract type.
    """
    return _column_type(parse_field_type(name))


def _field_type(dtype: DataType) -> FieldTree | None:
    """Return the contract type of a polars type, or `None` if contracts have no such type."""
    if isinstance(dtype, pl.Decimal):
        return Decimal(dtype.precision, dtype.scale)
    if isinstance(dtype, pl.List):
        inner = _field_type(dtype.inner)
        return None if inner is None else ListOf(inner)
    if isinstance(dtype, pl.Struct):
        fields = [(field.name, kind) for field in dtype.fields if (kind := _field_type(field.dtype)) is not None]
        return Struct(tuple(fields)) if len(fields) == len(dtype.fields) and fields else None
    if dtype == pl.Datetime and not isinstance(dtype, pl.Datetime):
        return None  # the bare class compares equal to every unit and time zone
    return next((Simple(word) for word, known in _WORDS.items() if known == dtype), None)


def _column_type(kind: FieldTree) -> DataType:
    match kind:
        case Decimal(precision, scale):
            return pl.Decimal(precision, scale)
        case ListOf(inner):
            return pl.List(_column_type(inner))
        case Struct(fields):
            return pl.Struct([pl.Field(name, _column_type(one)) for name, one in fields])
        case Simple(word):
            return _WORDS[word]


def stored_type(dtype: DataType) -> DataType:
    """Return the type that Delta Lake stores: timestamps in microseconds, and signed integers only.

    >>> stored_type(pl.Datetime("ms", "UTC")), stored_type(pl.UInt32)
    (Datetime(time_unit='us', time_zone='UTC'), Int64)
    """
    if isinstance(dtype, pl.Datetime):
        return pl.Datetime("us", dtype.time_zone)
    if isinstance(dtype, pl.List):
        return pl.List(stored_type(dtype.inner))
    if isinstance(dtype, pl.Struct):
        return pl.Struct([pl.Field(field.name, stored_type(field.dtype)) for field in dtype.fields])
    signed: dict[DataType, DataType] = {
        pl.UInt8: pl.Int16, pl.UInt16: pl.Int32, pl.UInt32: pl.Int64, pl.UInt64: pl.Decimal(20, 0),
    }  # fmt: skip
    for unsigned, wider in signed.items():
        if dtype == unsigned:
            return wider
    return dtype


def text_type(dtype: DataType) -> pl.DataType:
    """Return the type with its leaf types replaced by `String`: JSON is read as this type before validation.

    >>> text_type(pl.List(pl.Int64))
    List(String)
    """
    if isinstance(dtype, pl.List):
        return pl.List(text_type(dtype.inner))
    if isinstance(dtype, pl.Struct):
        return pl.Struct([pl.Field(field.name, text_type(field.dtype)) for field in dtype.fields])
    return pl.String()


def described(dtype: DataType) -> str:
    """Return a description of a type for error messages."""
    if isinstance(dtype, pl.Datetime):
        return "a time such as 2018-02-07T01:26:13Z, or milliseconds since 1970"
    if isinstance(dtype, pl.Decimal):
        return f"a number with at most {dtype.precision} digits, {dtype.scale} of them after the point"
    if dtype == pl.Date:
        return "a date such as 2018-02-07"
    if dtype == pl.Boolean:
        return "true or false"
    if dtype.is_integer():
        return f"a whole number ({dtype})"
    return "a number" if dtype.is_float() else type_name(dtype)
