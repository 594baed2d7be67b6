"""Published datasets as inputs of declarations, cycles, and datasets read by the path of a file."""

import pytest

from airnub_cli.data_contracts.compatibility import check_data_contracts
from airnub_cli.data_contracts.dataset_usage import check_cycles, check_dataset_inputs, check_parquet_paths
from airnub_cli.data_contracts.publications import read_publications, with_code

SOURCE = "departments/beta_dept/src/beta_dept/datasets.py"


def mistakes(house, *inputs):
    """The mistakes of a declaration with these inputs, without their place."""
    lines = "".join(f"        {one},\n" for one in inputs)
    house.write(SOURCE, f"TOTAL = Dataset(\n    inputs=(\n{lines}    ),\n    transform=total,\n)\n")
    publications = read_publications(house.workspace)
    return house.told(check_dataset_inputs(house.workspace, publications))


def test_a_declared_input(publishing):
    """It is valid with and without its version, beside one of the department's own."""
    assert mistakes(publishing, "SALES", '"alpha_dept/rain"', '"alpha_dept/rain.v1"') == []


def test_an_input_without_a_contract(publishing):
    """With the line of the input, and the nearest name or all names."""
    first, second = mistakes(publishing, '"alpha_dept/rian"', '"alpha_dept/rain.v3"')
    expected = (
        "expected a contract of the input alpha_dept/rian in departments/alpha_dept/contracts, found none; did you"
    )
    assert first.startswith(f"{SOURCE}:3: {expected}")
    assert second.startswith(f"{SOURCE}:4: expected a contract of the input alpha_dept/rain.v3 in ")


def test_an_input_that_is_not_among_the_reads(publishing):
    """A change of the contract would break it unnoticed."""
    (publishing.root / "departments" / "beta_dept" / "reads.yaml").unlink()
    [mistake] = mistakes(publishing, '"alpha_dept/rain"')
    assert mistake.startswith(
        f"{SOURCE}:3: expected alpha_dept/rain version 1 in departments/beta_dept/reads.yaml, for it is an input here"
    )


def test_texts_that_are_no_inputs(publishing):
    """Calls without a transform, and sources that cannot be parsed, are ignored."""
    publishing.write(SOURCE, 'run(inputs=("alpha_dept/snow",))\n')
    publications = read_publications(publishing.workspace)
    assert list(check_dataset_inputs(publishing.workspace, publications)) == []
    publishing.write(SOURCE, 'Dataset(inputs=("alpha_dept/snow",\n')
    assert list(check_dataset_inputs(publishing.workspace, publications)) == []


def made_of(house, department, name, *inputs):
    """Make a department publish a dataset with these inputs."""
    house.write(
        f"departments/{department}/contracts/{name}.v1.yaml",
        f"kind: dataset\ndescription: A dataset.\ncode: {department}.{name}:MADE\nfields: {{a: string}}\n",
    )
    house.write(
        f"departments/{department}/src/{department}/{name}.py",
        "from airnub_core.contracts.contract import ContractSchema\n\n\nclass Made:\n    def published(self):\n"
        f'        return ContractSchema("dataset", "{name}", 1, {{"a": ("string", False)}}, made_of={inputs!r})\n\n\n'
        "MADE = Made()\n",
    )


def test_a_cycle_of_datasets(house):
    """Each is named with the cycle; a dataset that only reads them is valid."""
    made_of(house, "alpha_dept", "wet", "beta_dept/dry.v1")
    made_of(house, "beta_dept", "dry", "alpha_dept/wet")
    made_of(house, "beta_dept", "both", "alpha_dept/wet", "beta_dept/dry")
    publications, wrong = with_code(read_publications(house.workspace))
    assert not wrong
    assert house.told(check_cycles(publications)) == [
        f"departments/{one}: expected a dataset that is not derived from itself, found {way}; each version would "
        "start the next; remove one of the inputs"
        for one, way in (
            ("alpha_dept/contracts/wet.v1.yaml:3", "alpha_dept/wet v1 of beta_dept/dry v1 of alpha_dept/wet v1"),
            ("beta_dept/contracts/dry.v1.yaml:3", "beta_dept/dry v1 of alpha_dept/wet v1 of beta_dept/dry v1"),
        )
    ]


REPORT = "departments/beta_dept/src/beta_dept/report.py"
SCAN = 'airnub_data.scan("alpha_dept", "rain")'
LATER = "the file is no longer written once the dataset has parquet_copy: false"


def warnings(house):
    """The warnings of paths."""
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
    """A warning with file, line and the call to use instead."""
    publishing.write(
        "departments/beta_dept/src/beta_dept/names.py", 'THEIRS = Dataset(name="rain")\nRAIN: str = "rain"\n'
    )
    publishing.write(REPORT, f'"""Of `rain.parquet`."""\n\n\ndef report(folder):\n    return {line}\n')
    message = f"beta_dept reads rain.parquet by its path, expected {SCAN}; {LATER}"
    assert warnings(publishing) == [f"{REPORT}:5: warning: {message}"]
    found = list(check_data_contracts(publishing.workspace))
    assert [one.is_warning for one in found] == [True]


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
def test_texts_that_are_no_paths_of_datasets(publishing, line):
    """Other files, docstrings, and names that are not known before the run."""
    publishing.write(REPORT, f"def report(folder, name):\n    {line}\n")
    assert warnings(publishing) == []


def test_a_path_in_settings(publishing):
    """In settings of stages; comments do not count."""
    path = "configs/variables/beta_dept/analysis.yaml"
    publishing.write(path, "# rain.parquet\nrain: data/alpha_dept/rain.parquet  # not snow.parquet\n")
    [warning] = warnings(publishing)
    assert warning.startswith(f"{path}:2: warning: beta_dept reads rain.parquet by its path, expected {SCAN}; ")


def test_a_second_version(publishing):
    """It has a file of its own, and its number is in the call."""
    contract = (publishing.root / "departments/alpha_dept/contracts/rain.v1.yaml").read_text()
    publishing.write("departments/alpha_dept/contracts/rain.v2.yaml", contract)
    publishing.write(REPORT, 'A = "rain.v2.parquet"\nTWO = Dataset("rain", version=2)\nB = f"{TWO.stem}.parquet"\n')
    first, second = warnings(publishing)
    assert first.startswith(f"{REPORT}:1: warning: beta_dept reads rain.v2.parquet by its path")
    assert second.startswith(f"{REPORT}:3: warning: ")
    assert 'airnub_data.scan("alpha_dept", "rain", version=2)' in first


def test_equal_names_of_two_departments(publishing):
    """The one in `reads.yaml` counts; without an entry both are named."""
    contract = (publishing.root / "departments/alpha_dept/contracts/rain.v1.yaml").read_text()
    publishing.write("departments/gamma_dept/pyproject.toml", '[project]\nname = "gamma-dept"\nversion = "0"\n')
    publishing.write("departments/gamma_dept/contracts/rain.v1.yaml", contract)
    publishing.write(REPORT, 'PATH = "rain.parquet"\n')
    [warning] = warnings(publishing)
    assert f"expected {SCAN};" in warning
    (publishing.root / "departments/beta_dept/reads.yaml").unlink()
    [warning] = warnings(publishing)
    assert f'expected {SCAN} or airnub_data.scan("gamma_dept", "rain");' in warning


def test_a_source_that_cannot_be_parsed_is_reported_elsewhere(publishing):
    """By the check that imports it."""
    publishing.write(REPORT, 'PATH = "rain.parquet"\n')
    publishing.write("departments/beta_dept/src/beta_dept/broken.py", "def x(:\n")
    assert len(warnings(publishing)) == 1
