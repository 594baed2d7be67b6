"""Columns: what a dataset's columns hold, in polars' types, in Delta's and in those of contracts."""

from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl
from polars.datatypes import DataTypeClass

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

_NAMES: Mapping[str, str] = {
    "String": "string", "Boolean": "boolean", "Date": "date", "Float32": "float32", "Float64": "float64",
    "Int8": "int8", "Int16": "int16", "Int32": "int32", "Int64": "int64",
    "UInt8": "uint8", "UInt16": "uint16", "UInt32": "uint32", "UInt64": "uint64",
}  # fmt: skip


def type_name(dtype: DataType) -> str:
    """A type as contracts call it; as polars does where they have no word for it.

    >>> type_name(pl.Datetime("us", "UTC")), type_name(pl.Decimal(12, 2)), type_name(pl.List(pl.Int64))
    ('datetime_us', 'decimal(12,2)', 'list(int64)')
    """
    if isinstance(dtype, pl.Datetime) and dtype.time_zone == "UTC":
        return f"datetime_{dtype.time_unit}"
    if isinstance(dtype, pl.Decimal):
        return f"decimal({dtype.precision},{dtype.scale})"
    if isinstance(dtype, pl.List):
        return f"list({type_name(dtype.inner)})"
    if isinstance(dtype, pl.Struct):
        fields = ", ".join(f"{field.name}: {type_name(field.dtype)}" for field in dtype.fields)
        return f"struct({fields})"
    return _NAMES.get(str(dtype), str(dtype))


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
