"""What a department publishes."""

import re

import pytest

from airnub_cli.configuration.contract import FILE, Contract
from airnub_prefect.errors import ConfigurationError
from airnub_prefect.validation import load_yaml

RAIN = """\
kind: dataset
description: Rain.
code: alpha.datasets:DATASETS
key: [place]
fields:
  place: string
  rain: {type: float64, unit: mm, nullable: true}
"""


@pytest.fixture
def load(tmp_path):
    """A contract with that text."""

    def loaded(text):
        (tmp_path / "rain.v1.yaml").write_text(text)
        return load_yaml(Contract, tmp_path / "rain.v1.yaml")

    return loaded


def test_a_field_is_its_type_or_more(load):
    """Without more it has no unit and is never null."""
    place, rain = load(RAIN).fields.values()
    assert (place.type, place.unit, place.nullable) == ("string", None, False)
    assert (rain.type, rain.unit, rain.nullable) == ("float64", "mm", True)


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("dataset", "datas", r"rain.v1.yaml:1: kind: expected .*dataset"),
        ("place: string", "place: text", r"rain.v1.yaml:6: fields.place.* expected .*string"),
        ("nullable", "nulable", r"rain.v1.yaml:7: unknown key .*nulable.*did you mean .*nullable"),
        ("[place]", "[plase]", r"expected fields in `key`, found plase"),
        ("[place]", "[rain]", r"expected fields in `key` that are never null, found rain"),
        ("alpha.datasets:DATASETS", "alpha/datasets.py", r"rain.v1.yaml:3: code"),
        ("description: Rain.\n", "", r"description"),
    ],
)
def test_what_is_wrong_is_told_with_its_line(load, old, new, told):
    """As in every file."""
    assert old in RAIN
    with pytest.raises(ConfigurationError) as error:
        load(RAIN.replace(old, new))
    assert re.search(told, str(error.value)), str(error.value)


def test_the_name_of_a_file():
    """A name, and a version from 1."""
    match = FILE.fullmatch("daily-rain_2.v12.yaml")
    assert (match["name"], match["version"]) == ("daily-rain_2", "12")
    for wrong in ("rain.yaml", "rain.v0.yaml", "rain.v1.yml", "rain.v01.yaml", "a.b.v1.yaml", ".v1.yaml"):
        assert FILE.fullmatch(wrong) is None
