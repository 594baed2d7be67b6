"""docs/reading-datasets.md: the Python examples that only need our dependencies run."""

import re
from datetime import date
from pathlib import Path

import polars as pl
import pytest

from airnub_core.contracts.contract import Contract
from airnub_data.columns import column_type, stored_type, type_name
from airnub_prefect.validation import load_yaml

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "reading-datasets.md").read_text()


def example(heading):
    """The first block of Python below a heading."""
    return re.search(r"```python\n(.*?)```", PAGE.partition(f"\n## {heading}")[2], re.DOTALL)[1]


@pytest.fixture
def weather(tmp_path, monkeypatch):
    """Two versions of project_alpha's weather below a data root, with the contract's columns and ours."""
    contract = load_yaml(Contract, ROOT / "departments/project_alpha/contracts/noaa_daily_weather.v1.yaml")
    schema = {name: stored_type(column_type(field.type)) for name, field in contract.fields.items()}
    row = {"location": "Ulm", "date": date(2024, 3, 1), "weather": "rain", "_object": "sha256:ab", "_record": 2}
    numbers = {name: 12.5 for name, dtype in schema.items() if dtype == pl.Float64}
    frame = pl.DataFrame([{**numbers, **row}], {**schema, "_object": pl.String, "_record": pl.Int64})
    folder = tmp_path / "datasets" / "project_alpha" / "noaa_daily_weather"
    folder.parent.mkdir(parents=True)
    frame.write_delta(folder)
    frame.with_columns(location=pl.lit("Bern")).write_delta(folder, mode="append")
    monkeypatch.setenv("AIRNUB_DATA_ROOT", str(tmp_path))
    monkeypatch.chdir(tmp_path)


@pytest.mark.example
@pytest.mark.usefixtures("weather")
def test_by_the_contract():
    """Read as a department does."""
    found = {}
    exec(example("In a department"), found)
    assert found["rainy"].sort("location").rows() == [("Bern", date(2024, 3, 1)), ("Ulm", date(2024, 3, 1))]
    assert found["before"].collect()["location"].to_list() == ["Ulm"]
    assert found["origin"].collect().columns == ["date", "_object", "_record"]


@pytest.mark.example
@pytest.mark.usefixtures("weather")
def test_with_polars_alone():
    """Read without any package of this repository."""
    found = {}
    exec(example("polars"), found)
    assert sorted(found["frame"]["location"]) == ["Bern", "Ulm"]
    assert not {"_object", "_record"} & set(found["frame"].columns)
    assert found["first"].collect()["location"].to_list() == ["Ulm"]


@pytest.mark.parametrize(
    ("name", "bits"), [("uint8", "int16"), ("uint16", "int32"), ("uint32", "int64"), ("uint64", "decimal(20,0)")]
)
def test_types_of_the_table(name, bits):
    """The page's table of types that Delta Lake does not have is correct."""
    assert type_name(stored_type(column_type(name))) == bits
    number = bits.removeprefix("int")
    assert re.search(rf"`{name}` as `?{re.escape(number)}", PAGE)
