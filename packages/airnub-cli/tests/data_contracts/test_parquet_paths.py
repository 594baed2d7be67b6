"""Departments that read datasets by the path of a file."""

import pytest

from airnub_cli.check.check_warning import CheckWarning, mistakes_in
from airnub_cli.data_contracts.compatibility import check_data_contracts
from airnub_cli.data_contracts.parquet_paths import check_parquet_paths
from airnub_cli.data_contracts.publications import read_publications

SOURCE = "departments/beta_dept/src/beta_dept/report.py"
SCAN = 'airnub_data.scan("alpha_dept", "rain")'
LATER = "the file is not written any more where the dataset says parquet_copy: false"


def warnings(house):
    """What is reported of paths."""
    return house.told(check_parquet_paths(house.workspace, read_publications(house.workspace)))


@pytest.mark.parametrize(
    "line",
    [
        'pl.read_parquet("data/rain.parquet")',
        'pl.scan_parquet(folder / "rain.parquet")',
        'pl.read_parquet(f"{folder}/rain.parquet")',
        'pl.read_parquet(folder / f"{RAIN}.parquet")',
        'pl.read_parquet(folder / (RAIN + ".parquet"))',
        'pl.read_parquet(folder / f"{THEIRS.name}.parquet")',
        'pl.read_parquet(folder / f"{THEIRS.stem}.parquet")',
    ],
)
def test_a_reader_by_path_is_named(publishing, line):
    """With file and line and what to call instead, as a warning and not as a mistake."""
    publishing.write(
        "departments/beta_dept/src/beta_dept/names.py", 'THEIRS = Dataset(name="rain")\nRAIN: str = "rain"\n'
    )
    publishing.write(SOURCE, f'"""Of `rain.parquet`."""\n\n\ndef report(folder):\n    return {line}\n')
    message = f"beta_dept reads rain.parquet by its path, expected {SCAN}; {LATER}"
    assert warnings(publishing) == [f"{SOURCE}:5: warning: {message}"]
    found = list(check_data_contracts(publishing.workspace))
    assert [type(one) for one in found] == [CheckWarning]
    assert mistakes_in(found) == []


@pytest.mark.parametrize(
    "line",
    [
        '"""rain.parquet"""',
        'pl.read_parquet("snow.parquet")',
        'pl.read_parquet("my-rain.parquet")',
        'pl.read_parquet(f"{name}-rain.parquet")',
        'pl.read_parquet(f"{name}.parquet")',
        'print("rain.parquet was read")',
        'raise ValueError("expected rain.parquet")',
        'airnub_data.scan("alpha_dept", "rain")',
    ],
)
def test_what_reads_no_dataset_by_its_path(publishing, line):
    """Other files, texts about them, and names that are not known before the run."""
    publishing.write(SOURCE, f"def report(folder, name):\n    {line}\n")
    assert warnings(publishing) == []


def test_a_path_in_settings(publishing):
    """Of the stages of a department; comments do not count."""
    path = "configs/variables/beta_dept/analysis.yaml"
    publishing.write(path, "# rain.parquet\nrain: data/alpha_dept/rain.parquet  # not snow.parquet\n")
    [warning] = warnings(publishing)
    assert warning.startswith(f"{path}:2: warning: beta_dept reads rain.parquet by its path, expected {SCAN}; ")


def test_a_second_version(publishing):
    """Has a file of its own, and is said in the call."""
    contract = (publishing.root / "departments/alpha_dept/contracts/rain.v1.yaml").read_text()
    publishing.write("departments/alpha_dept/contracts/rain.v2.yaml", contract)
    publishing.write(SOURCE, 'A = "rain.v2.parquet"\nTWO = Dataset("rain", version=2)\nB = f"{TWO.stem}.parquet"\n')
    first, second = warnings(publishing)
    assert first.startswith(f"{SOURCE}:1: warning: beta_dept reads rain.v2.parquet by its path")
    assert second.startswith(f"{SOURCE}:3: warning: ")
    assert 'airnub_data.scan("alpha_dept", "rain", version=2)' in first


def test_equal_names_of_two_departments(publishing):
    """The one counts that `reads.yaml` names; without an entry both are named."""
    contract = (publishing.root / "departments/alpha_dept/contracts/rain.v1.yaml").read_text()
    publishing.write("departments/gamma_dept/pyproject.toml", '[project]\nname = "gamma-dept"\nversion = "0"\n')
    publishing.write("departments/gamma_dept/contracts/rain.v1.yaml", contract)
    publishing.write(SOURCE, 'PATH = "rain.parquet"\n')
    [warning] = warnings(publishing)
    assert f"expected {SCAN};" in warning
    (publishing.root / "departments/beta_dept/reads.yaml").unlink()
    [warning] = warnings(publishing)
    assert f'expected {SCAN} or airnub_data.scan("gamma_dept", "rain");' in warning


def test_a_source_that_cannot_be_parsed_is_left_to_other_looks(publishing):
    """It is a mistake there."""
    publishing.write(SOURCE, 'PATH = "rain.parquet"\n')
    publishing.write("departments/beta_dept/src/beta_dept/broken.py", "def x(:\n")
    assert len(warnings(publishing)) == 1
