"""What the code of a contract publishes."""

from airnub_cli.data_contracts.publications import read_publications
from airnub_cli.data_contracts.published_code import with_code

CONTRACT = "departments/alpha_dept/contracts/rain.v1.yaml"
CODE = "departments/alpha_dept/src/alpha_dept/datasets.py"


def test_a_version_knows_what_its_code_makes(checking):
    """And promises what the file leaves out as the code has it."""
    checking.change(CONTRACT, ", minimum: 0", "")
    read = read_publications(checking.workspace)
    assert read.of("alpha_dept", "rain")[1].promises.fields["rain"].minimum is None
    publications, wrong = with_code(read)
    version = publications.of("alpha_dept", "rain")[1]
    assert wrong == {}
    assert list(version.made.checks) == ["row_count", "fresh_day"]
    assert version.promises.fields["rain"].minimum == 0
    assert [use.reader for use in version.uses] == ["beta_dept"]


def test_code_of_something_else_is_not_what_a_version_makes(checking):
    """It is wrong by its path, and the version promises what its file says."""
    checking.change(CODE, '"rain", 1', '"rain", 2')
    publications, wrong = with_code(read_publications(checking.workspace))
    [message] = wrong.values()
    assert message == "expected the dataset rain v1 at alpha_dept.datasets:DATASETS, found the dataset rain v2"
    assert publications.of("alpha_dept", "rain")[1].made is None


def test_broken_packages_are_not_imported(checking):
    """What is wrong with them is reported by a different check."""
    checking.write(CODE, "def")
    publications, wrong = with_code(read_publications(checking.workspace), {"alpha_dept"})
    assert (publications.of("alpha_dept", "rain")[1].made, wrong) == (None, {})
