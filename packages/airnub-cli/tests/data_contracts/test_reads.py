"""What departments read of each other."""

import pytest

from airnub_cli.data_contracts.reads import Reads, readers
from airnub_prefect.errors import ConfigurationError
from airnub_prefect.validation import load_yaml

READS = """\
reads:
  - contract: alpha/rain
    version: 2
    fields: {place: string}
  - {contract: gamma/rain, version: 1, fields: {place: string}}
"""


def test_who_publishes_and_what(tmp_path):
    """By its folder and its name there."""
    (tmp_path / "reads.yaml").write_text(READS)
    first, _ = load_yaml(Reads, tmp_path / "reads.yaml").reads
    assert (first.department, first.name, first.version) == ("alpha", "rain", 2)


def test_the_same_twice_is_a_mistake(tmp_path):
    """It would not be known which of both holds."""
    (tmp_path / "reads.yaml").write_text(READS.replace("gamma", "alpha").replace("version: 1", "version: 2"))
    with pytest.raises(ConfigurationError, match=r"expected each version once, found alpha/rain.v2 more than once"):
        load_yaml(Reads, tmp_path / "reads.yaml")


@pytest.mark.parametrize("contract", ["rain", "a/b/c", "/rain"])
def test_a_contract_is_named_by_department_and_name(tmp_path, contract):
    """Nothing else is."""
    (tmp_path / "reads.yaml").write_text(READS.replace("alpha/rain", contract))
    with pytest.raises(ConfigurationError, match=r"reads.yaml:2: reads.0.contract"):
        load_yaml(Reads, tmp_path / "reads.yaml")


def test_everybody_who_reads_something_of_a_department(tmp_path):
    """With the line; a file that is wrong elsewhere counts, and one that is no YAML is told by `airnub check`."""
    texts = {
        "beta": READS.replace("fields", "feilds"),
        "delta": READS.replace("alpha", "alphabet"),
        "broken": "reads: [alpha/rain",
        "odd": "alpha/",
        "odder": "reads: {alpha/rain: 1}",
        "oddest": "reads: [alpha/rain, {contract: [alpha/]}]",
    }
    for name, text in texts.items():
        path = tmp_path / "departments" / name / "reads.yaml"
        path.parent.mkdir(parents=True)
        path.write_text(text)
    [reader] = readers(tmp_path, "alpha")
    assert (reader.department, reader.contract, reader.version, reader.line) == ("beta", "alpha/rain", 2, 2)
    assert reader.path == tmp_path / "departments/beta/reads.yaml"
