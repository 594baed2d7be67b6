"""Contracts: models of contract files."""

import pytest
from pydantic import ValidationError

from airnub_core.contracts.checks import FieldValues, RowCountCheck, UniqueCheck
from airnub_core.contracts.contract import FILE, Contract, ContractSchema, versioned

RAIN = {
    "kind": "dataset",
    "description": "Rain.",
    "code": "alpha.datasets:DATASETS",
    "key": ["place"],
    "fields": {"place": "string", "rain": {"type": "float64", "unit": "mm", "nullable": True}},
}


def test_a_field_is_its_type_or_more():
    """A plain string is the type of a field without a unit that is never null."""
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
    """Type names are normalized, since code and readers are compared by them."""
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
        ({"fields": {"place": {"type": "string", "minimum": 1}}}, "expected minimum and maximum of numbers alone"),
        ({"fields": {"place": {"type": "int64", "one_of": ["a"]}}}, "expected one_of for a string alone"),
        (
            {"checks": {"one": {"check": "unique", "columns": ["plase"]}}},
            "(?s)checks.one.*found plase; did you mean place",
        ),
    ],
)
def test_a_mistake_names_its_place(changes, expected):
    """The error has the location of the mistake and the expectation."""
    with pytest.raises(ValidationError, match=f"(?s){expected}"):
        Contract.model_validate(RAIN | changes)


def test_the_name_of_a_file():
    """A file name consists of the contract's name and a version from 1 on."""
    match = FILE.fullmatch("daily-rain_2.v12.yaml")
    assert (match["name"], match["version"]) == ("daily-rain_2", "12")
    for wrong in ("rain.yaml", "rain.v0.yaml", "rain.v1.yml", "rain.v01.yaml", "a.b.v1.yaml", ".v1.yaml"):
        assert FILE.fullmatch(wrong) is None


ROWS = RowCountCheck(check="row_count", minimum=10)
MADE = ContractSchema(
    "dataset", "rain", 1, {}, values={"rain": FieldValues(minimum=0, maximum=900)},
    checks={
        "row_count": ROWS,
        "unique_place": UniqueCheck(check="unique", columns=("place",)),
        "unique_id": UniqueCheck(check="unique", columns=("id",)),
    },
)  # fmt: skip


def test_a_contract_of_before_there_were_checks_promises_those_of_its_code():
    """A contract without checks promises those of its code, except for unpublished columns."""
    contract = Contract.model_validate(RAIN)
    assert contract.checks is None
    completed = contract.completed(MADE)
    assert list(completed.checks) == ["row_count", "unique_place"]
    assert (completed.fields["rain"].minimum, completed.fields["rain"].maximum) == (0, 900)
    assert completed.fields["rain"].unit == "mm"


def test_what_a_contract_says_itself_is_what_it_promises():
    """A contract may promise less than its code guarantees, including no check at all."""
    fields = {"place": "string", "rain": {"type": "float64", "minimum": -1}}
    completed = Contract.model_validate({**RAIN, "fields": fields, "checks": {}}).completed(MADE)
    assert completed.checks == {}
    assert (completed.fields["rain"].minimum, completed.fields["rain"].maximum) == (-1, 900)


def test_the_name_of_a_version():
    """Files and events use the same versioned name."""
    assert versioned("weather", 2) == "weather.v2"
