"""Columns: the types of a dataset's columns in polars, in Delta and in contracts."""

from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl
from polars.datatypes import DataTypeClass

from airnub_core.contracts.field_types import Decimal, FieldTree, ListOf, Simple, Struct, parse_field_type

DataType = pl.DataType | DataTypeClass | type[pl.DataType]

OBJECT = "_object"
"""The column with the digest of the object that a row comes from: `sha256:…`."""
RECORD = "_record"
"""The column with the line (CSV, JSON Lines: the first is 1) or the number of the record that a row comes from."""
INTERNAL = (OBJECT, RECORD)
"""Columns that contracts and `scan` leave out."""


@dataclass(frozen=True, slots=True)
class Column:
    """What a column holds: its type, and what its values may be.

    Of text, a `pl.Date` is read from `2018-02-07`; a `pl.Datetime` from ISO 8601, in UTC where it has no offset, and
    from milliseconds since 1970; a `pl.Boolean` from `true` and `false`; a `pl.Decimal` from a number with no more
    digits after the point than its scale.
    """

    dtype: DataType
    nullable: bool = False
    minimum: float | None = None
    maximum: float | None = None
    one_of: tuple[str, ...] | None = None
    unit: str | None = None
    """For people; changing it or `description` makes nothing again."""
    description: str | None = None


Schema = Mapping[str, Column]

_WORDS: Mapping[str, DataType] = {
    "string": pl.String(), "boolean": pl.Boolean(), "date": pl.Date(),
    "datetime_ms": pl.Datetime("ms", "UTC"), "datetime_us": pl.Datetime("us", "UTC"),
    "datetime_ns": pl.Datetime("ns", "UTC"), "float32": pl.Float32(), "float64": pl.Float64(),
    "int8": pl.Int8(), "int16": pl.Int16(), "int32": pl.Int32(), "int64": pl.Int64(),
    "uint8": pl.UInt8(), "uint16": pl.UInt16(), "uint32": pl.UInt32(), "uint64": pl.UInt64(),
}  # fmt: skip
"""The words of contracts (`airnub_core.contracts.field_types`) in polars' types."""


def type_name(dtype: DataType) -> str:
    """A type as contracts call it; as polars does where they have no word for it.

    >>> type_name(pl.Datetime("us", "UTC")), type_name(pl.Decimal(12, 2)), type_name(pl.List(pl.Int64))
    ('datetime_us', 'decimal(12,2)', 'list(int64)')
    """
    kind = _field_type(dtype)
    return str(dtype) if kind is None else str(kind)


def column_type(name: str) -> DataType:
    """The type that contracts call so; `type_name` is the other way.

    >>> column_type("list(decimal(12,2))")
    List(Decimal(precision=12, scale=2))

    Raises:
        ValueError: there is no such type.
    """
    return _column_type(parse_field_type(name))


def _field_type(dtype: DataType) -> FieldTree | None:
    """A type of contracts, `None` where they have none for it."""
    if isinstance(dtype, pl.Decimal):
        return Decimal(dtype.precision, dtype.scale)
    if isinstance(dtype, pl.List):
        inner = _field_type(dtype.inner)
        return None if inner is None else ListOf(inner)
    if isinstance(dtype, pl.Struct):
        fields = [(field.name, kind) for field in dtype.fields if (kind := _field_type(field.dtype)) is not None]
        return Struct(tuple(fields)) if len(fields) == len(dtype.fields) and fields else None
    if dtype == pl.Datetime and not isinstance(dtype, pl.Datetime):
        return None  # the class alone equals every unit and zone
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
    """The type that Delta Lake stores a column in: times count microseconds, and whole numbers have a sign.

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
    """A nested type with text at its leaves, as JSON is read before it is checked.

    >>> text_type(pl.List(pl.Int64))
    List(String)
    """
    if isinstance(dtype, pl.List):
        return pl.List(text_type(dtype.inner))
    if isinstance(dtype, pl.Struct):
        return pl.Struct([pl.Field(field.name, text_type(field.dtype)) for field in dtype.fields])
    return pl.String()


def described(dtype: DataType) -> str:
    """A type in the words of an error."""
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
