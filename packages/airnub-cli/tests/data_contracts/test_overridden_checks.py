"""Settings that loosen what a contract promises."""

import pytest

from airnub_cli.data_contracts.overridden_checks import check_overridden
from airnub_cli.data_contracts.publications import read_publications, with_code

SETTINGS = "configs/variables/alpha_dept/processing.yaml"
READS = "departments/beta_dept/reads.yaml"


def warned(house):
    """Every warning of settings."""
    publications, wrong = with_code(read_publications(house.workspace))
    assert not wrong
    return house.told(check_overridden(house.workspace, publications))


@pytest.mark.parametrize(
    ("limits", "line", "expected", "read"),
    [
        ("checks: {row_count: warn}", 3, "check row_count of alpha_dept/rain v1, expected {check: row_count, min", 11),
        ("fresh_within: 48h", 3, "check fresh_day of alpha_dept/rain v1, expected {check: fresh, column: day, wi", 12),
    ],
)
def test_a_promised_check_that_settings_loosen(checking, limits, line, expected, read):
    """A warning at its line, with each reader that relies on it: operators have the last word."""
    checking.write(SETTINGS, f"datasets: x\ndataset_limits:\n  rain: {{{limits}}}\n")
    [found] = warned(checking)
    assert found.startswith(f"{SETTINGS}:{line}: warning: alpha_dept promises the {expected}")
    assert found.endswith(f" in these settings; relied on by beta_dept ({READS}:{read})")


def test_an_environment_that_loosens_a_check(checking):
    """Its own file has the line."""
    path = "configs/environments/staging.yaml"
    checking.write(SETTINGS, "datasets: x\n")
    limits = "dataset_limits: {rain: {checks: {row_count: warn}}}"
    checking.write(path, f"description: There.\nvariables:\n  alpha_dept:\n    processing:\n      {limits}\n")
    checking.write(READS, "reads: []\n")
    [found] = warned(checking)
    assert f"{path}:5: warning: alpha_dept promises the check row_count" in found
    assert found.endswith("; no reader relies on it")


@pytest.mark.parametrize(
    "text",
    [
        "dataset_limits:\n  rain: {fresh_within: 12h, checks: {row_count: block}, max_shrink: 1}\n",
        "dataset_limits:\n  other: {checks: {row_count: warn}}\n",
        "dataset_limits:\n  rain: {checks: {row_count: shout}}\n",
        "dataset_limits: many\n",
        "dataset_limits: [\n",
        "",
    ],
)
def test_settings_that_loosen_nothing(checking, text):
    """Those that are wrong are reported with what the backend is to hold."""
    assert warned(checking) == []
    checking.write(SETTINGS, text)
    assert warned(checking) == []


def test_a_check_that_is_not_promised_may_be_loosened(checking):
    """A contract that says `checks: {}` promises none."""
    contract = "departments/alpha_dept/contracts/rain.v1.yaml"
    text = (checking.root / contract).read_text()
    checking.write(contract, text[: text.index("checks:")] + "checks: {}\n")
    checking.write(SETTINGS, "dataset_limits:\n  rain: {checks: {row_count: warn}}\n")
    assert warned(checking) == []


def test_the_settings_of_a_real_dataset(checking):
    """What they make of its declaration is held against the contract."""
    pytest.importorskip("polars")
    checking.write(
        "departments/alpha_dept/src/alpha_dept/datasets.py",
        "import polars as pl\nfrom airnub_data import Column, Csv, Dataset\n"
        "from airnub_data.checks import fresh, row_count\n"
        'COLUMNS = {"place": Column(pl.String, one_of=("here", "there")), "day": Column(pl.Date),\n'
        '           "rain": Column(pl.Float64, minimum=0), "wind": Column(pl.Float64, nullable=True)}\n'
        'CHECKS = (row_count(minimum=100), fresh("day", within="24h"))\n'
        'RAIN = Dataset(name="rain", source="rain", reader=Csv(), columns=COLUMNS, checks=CHECKS)\n'
        'DATASETS = {"rain": RAIN}\n',
    )
    checking.write(SETTINGS, "dataset_limits:\n  rain: {fresh_within: 30h, checks: {row_count: warn}}\n")
    [rows] = warned(checking)
    assert "found {check: row_count, minimum: 100, on_fail: warn} in these settings" in rows
