"""Columns: names of their types."""

import polars as pl
import pytest

from airnub_core.contracts.contract import Contract
from airnub_core.contracts.field_types import WORDS
from airnub_data import Column, Csv, Dataset
from airnub_data.columns import column_type, type_name

BUILT = {
    "decimal(12,2)": pl.Decimal(12, 2),
    "decimal(38,0)": pl.Decimal(38, 0),
    "list(string)": pl.List(pl.String),
    "list(list(datetime_us))": pl.List(pl.List(pl.Datetime("us", "UTC"))),
    "struct(city: string, price: decimal(9,2))": pl.Struct({"city": pl.String, "price": pl.Decimal(9, 2)}),
    "list(struct(odd: list(int8)))": pl.List(pl.Struct({"odd": pl.List(pl.Int8)})),
    'struct("a b": date, "c:d": uint64)': pl.Struct({"a b": pl.Date, "c:d": pl.UInt64}),
}


@pytest.mark.parametrize("name", [*WORDS, *BUILT])
def test_every_type_of_contracts_is_one_of_columns(name):
    """Types are preserved by a round trip through the published schema and the model of a contract."""
    dtype = column_type(name)
    assert dtype == BUILT.get(name, dtype)
    dataset = Dataset(name="orders", source="shop", reader=Csv(), columns={"column": Column(dtype)})
    published, nullable = dataset.published().fields["column"]
    fields = {"column": {"type": published, "nullable": nullable}}
    contract = Contract.model_validate(
        {"kind": "dataset", "description": "Orders.", "code": "shop.datasets:DATASETS", "fields": fields}
    )
    assert contract.fields["column"].type == published == name
    assert column_type(contract.fields["column"].type) == dtype


@pytest.mark.parametrize(
    ("dtype", "name"),
    [
        (pl.Int64, "int64"),
        (pl.Float64(), "float64"),
        (pl.Datetime, "Datetime"),
        (pl.Datetime("us"), "Datetime(time_unit='us', time_zone=None)"),
        (pl.Datetime("us", "Europe/Berlin"), "Datetime(time_unit='us', time_zone='Europe/Berlin')"),
        (pl.Decimal, "Decimal"),
        (pl.Time, "Time"),
        (pl.List(pl.Time), "List(Time)"),
        (pl.Struct({"at": pl.Time}), "Struct({'at': Time})"),
    ],
)
def test_the_name_of_a_type(dtype, name):
    """Instances and classes have the same name; a type that contracts do not support keeps its polars name."""
    assert type_name(dtype) == name


def test_a_type_that_there_is_not():
    """The error suggests the closest type name."""
    with pytest.raises(ValueError, match=r"unknown type 'int46' \(did you mean 'int64'"):
        column_type("int46")
