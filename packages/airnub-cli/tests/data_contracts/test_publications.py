"""Contracts and reads as their files have them, and what the code of a contract publishes."""

import pytest

from airnub_cli.data_contracts.publications import Reads, contract_path, read_publications, readers, with_code
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
    """By the department's folder and the name."""
    (tmp_path / "reads.yaml").write_text(READS)
    first, _ = load_yaml(Reads, tmp_path / "reads.yaml").reads
    assert (first.department, first.name, first.version) == ("alpha", "rain", 2)


def test_a_duplicate_read_is_a_mistake(tmp_path):
    """It is unknown which one is meant."""
    (tmp_path / "reads.yaml").write_text(READS.replace("gamma", "alpha").replace("version: 1", "version: 2"))
    with pytest.raises(ConfigurationError, match=r"expected each version once, found alpha/rain.v2 more than once"):
        load_yaml(Reads, tmp_path / "reads.yaml")


@pytest.mark.parametrize("contract", ["rain", "a/b/c", "/rain"])
def test_a_contract_is_named_by_department_and_name(tmp_path, contract):
    """Other forms are invalid."""
    (tmp_path / "reads.yaml").write_text(READS.replace("alpha/rain", contract))
    with pytest.raises(ConfigurationError, match=r"reads.yaml:2: reads.0.contract"):
        load_yaml(Reads, tmp_path / "reads.yaml")


def test_all_readers_of_a_department(tmp_path):
    """With the line, also in a file with mistakes elsewhere; `airnub check` reports invalid YAML."""
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


def test_versions_have_their_uses(publishing):
    """With the lines of both."""
    found = read_publications(publishing.workspace)
    [version] = found.of("alpha_dept", "rain").values()
    [use] = found.uses
    assert (version.number, version.says.kind, version.uses) == (1, "dataset", [use])
    assert (use.reader, use.what) == ("beta_dept", "alpha_dept/rain v1")
    assert found.at(version.file, ("fields", "rain")) == "departments/alpha_dept/contracts/rain.v1.yaml:8"
    assert found.at(use.file, use.place("fields", "rain")) == "departments/beta_dept/reads.yaml:8"
    assert found.mistakes == []


def test_mistakes_in_files_have_their_lines(publishing):
    """Of each file, and a file that is not a contract."""
    publishing.change("departments/alpha_dept/contracts/rain.v1.yaml", "day: date", "day: dayte")
    publishing.write("departments/alpha_dept/contracts/rain.v2.yaml", "kind: [")
    publishing.write("departments/alpha_dept/contracts/snow.yaml", "kind: dataset\n")
    publishing.change("departments/beta_dept/reads.yaml", "version", "versoin")
    found = read_publications(publishing.workspace)
    assert found.of("alpha_dept", "rain")[1].says is None
    told = "\n".join(publishing.told(found.mistakes))
    for expected in (
        "departments/alpha_dept/contracts/rain.v1.yaml:7: ",
        "departments/alpha_dept/contracts/rain.v2.yaml:1: broken YAML",
        "departments/alpha_dept/contracts/snow.yaml: expected only contracts in this folder, named like",
        "departments/beta_dept/reads.yaml:3: unknown key 'reads.0.versoin'; did you mean",
    ):
        assert expected in told


def test_mistakes_in_checks_have_their_lines(checking):
    """All at once: unknown kinds and keys, columns that are not published."""
    path = "departments/alpha_dept/contracts/rain.v1.yaml"
    checking.change(path, "check: row_count, minimum: 100", "check: row_cuont")
    checking.change(path, "column: day, within: 36h", "colunm: day, within: soon")
    wrong = checking.told(read_publications(checking.workspace).mistakes)
    assert [one.removeprefix(path) for one in wrong] == [
        ":11: checks.row_count.check: expected unique or row_count or row_count_change or fresh or reference or "
        "expression or function, found 'row_cuont'; did you mean 'row_count'?",
        ":12: checks.fresh_day.within: expected a number of minutes, hours, days or weeks, such as '36h', found 'soon'",
        ":12: missing key 'checks.fresh_day.column'",
        ":12: unknown key 'checks.fresh_day.colunm'; did you mean 'column'?",
    ]
    checking.change(path, "check: row_cuont", "check: unique, columns: [place, days, fog]")
    checking.change(path, "colunm: day, within: soon", "column: when, within: 1d")
    wrong = checking.told(read_publications(checking.workspace).mistakes)
    assert [one.removeprefix(path) for one in wrong] == [
        ":11: checks.row_count: expected fields of the contract, found days, fog; did you mean day?",
        ":12: checks.fresh_day: expected fields of the contract, found when; fields are place, day, rain, wind",
    ]


def test_the_path_of_a_version():
    """Relative to the root."""
    assert contract_path("orders", "shipped", 2) == "departments/orders/contracts/shipped.v2.yaml"


CONTRACT = "departments/alpha_dept/contracts/rain.v1.yaml"
CODE = "departments/alpha_dept/src/alpha_dept/datasets.py"


def test_a_version_has_the_schema_of_its_code(checking):
    """Omitted values are promised as in the code."""
    checking.change(CONTRACT, ", minimum: 0", "")
    read = read_publications(checking.workspace)
    assert read.of("alpha_dept", "rain")[1].promises.fields["rain"].minimum is None
    publications, wrong = with_code(read)
    version = publications.of("alpha_dept", "rain")[1]
    assert wrong == {}
    assert list(version.made.checks) == ["row_count", "fresh_day"]
    assert version.promises.fields["rain"].minimum == 0
    assert [use.reader for use in version.uses] == ["beta_dept"]


def test_code_of_a_different_contract(checking):
    """It is reported, and the version promises only the values in its file."""
    checking.change(CODE, '"rain", 1', '"rain", 2')
    publications, wrong = with_code(read_publications(checking.workspace))
    [message] = wrong.values()
    assert message == "expected the dataset rain v1 at alpha_dept.datasets:DATASETS, found the dataset rain v2"
    assert publications.of("alpha_dept", "rain")[1].made is None


def test_broken_packages_are_not_imported(checking):
    """A different check reports them."""
    checking.write(CODE, "def")
    publications, wrong = with_code(read_publications(checking.workspace), {"alpha_dept"})
    assert (publications.of("alpha_dept", "rain")[1].made, wrong) == (None, {})
