"""What a department publishes."""

import pytest
from pydantic import ValidationError

from airnub_core.contract import FILE, Contract

RAIN = {
    "kind": "dataset",
    "description": "Rain.",
    "code": "alpha.datasets:DATASETS",
    "key": ["place"],
    "fields": {"place": "string", "rain": {"type": "float64", "unit": "mm", "nullable": True}},
}


def test_a_field_is_its_type_or_more():
    """Without more it has no unit and is never null."""
    place, rain = Contract.model_validate(RAIN).fields.values()
    assert (place.type, place.unit, place.nullable) == ("string", None, False)
    assert (rain.type, rain.unit, rain.nullable) == ("float64", "mm", True)


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("decimal(12, 2)", "decimal(12,2)"),
        ("list( string )", "list(string)"),
        ("struct(city:string,sizes:list(decimal(9,0)))", "struct(city: string, sizes: list(decimal(9,0)))"),
    ],
)
def test_a_type_is_written_in_one_way(written, name):
    """Spaces in a file make no other type: code and readers are compared by its name."""
    contract = Contract.model_validate({**RAIN, "fields": {"place": "string", "more": written}})
    assert contract.fields["more"].type == name


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"kind": "datas"}, "kind.*dataset"),
        ({"fields": {"place": "text"}}, "fields.place.*unknown type 'text'; types are string, boolean, date.*struct"),
        ({"fields": {"place": "strnig"}}, r"unknown type 'strnig' \(did you mean 'string'\?\); types are string"),
        ({"fields": {"place": {"type": "decimal(12"}}}, "expected decimal.P,S., such as decimal.12,2.; in YAML"),
        ({"fields": {"place": {"type": "string", "nulable": True}}}, "fields.place.nulable"),
        ({"key": ["plase"]}, "expected fields in `key`, found plase"),
        ({"key": ["rain"]}, "expected fields in `key` that are never null, found rain"),
        ({"code": "alpha/datasets.py"}, "code"),
        ({"description": ""}, "description"),
    ],
)
def test_a_mistake_names_its_place(changes, expected):
    """With what was expected there."""
    with pytest.raises(ValidationError, match=f"(?s){expected}"):
        Contract.model_validate(RAIN | changes)


def test_the_name_of_a_file():
    """A name, and a version from 1."""
    match = FILE.fullmatch("daily-rain_2.v12.yaml")
    assert (match["name"], match["version"]) == ("daily-rain_2", "12")
    for wrong in ("rain.yaml", "rain.v0.yaml", "rain.v1.yml", "rain.v01.yaml", "a.b.v1.yaml", ".v1.yaml"):
        assert FILE.fullmatch(wrong) is None
