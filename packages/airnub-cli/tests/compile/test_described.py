# ruff: noqa: F811  # fixtures of another folder
"""What a department's `department.py` says of it."""

from importlib import import_module

import pytest
from checked_workspace import house, installed_once  # noqa: F401

from airnub_cli.compile.described import wrong_description

FOLDER = "departments/alpha_dept/src/alpha_dept"


def told(house):
    """Of the first department."""
    department = import_module("alpha_dept.department").DEPARTMENT
    return house.told(wrong_description(department, f"{house.root}/{FOLDER}/department.py"))


def test_what_is_there_is_no_mistake(house):
    """Flow, settings, pipeline and demo."""
    assert told(house) == []


@pytest.mark.parametrize(
    ("file", "old", "new", "expected"),
    [
        (
            "department",
            '.demo:DEMO")',
            '.demo:DEMOO")',
            "expected a demo at alpha_dept.demo:DEMOO, found",
        ),
        ("department", '.demo:DEMO")', '.dmo:DEMO")', "No module named 'alpha_dept.dmo'"),
        ("department", ':ingestion", "alpha_dept.demo', ':x", "alpha_dept.demo', "expected the pipeline at alpha_dept"),
        (
            "department",
            'ingestion", "alpha_dept.settings',
            'x", "alpha_dept.settings',
            "the flow of stage ingestion",
        ),
        (
            "flows/ingestion",
            '"alpha-dept"',
            '"beta-dept"',
            "ingestion.py:5: expected a name of the flow that begins",
        ),
        ("settings", 'department="alpha_dept"', 'department="beta"', "settings.py:4: expected department='alpha_dept'"),
        ("settings", 'stage="ingestion"', 'stage="ingest"', "stage='ingest': its Variable would be another's"),
        ("demo", "DEMO = None", "1 / 0", "importing alpha_dept.demo:DEMO raises ZeroDivisionError"),
    ],
)
def test_what_is_not_there_is_told(house, file, old, new, expected):
    """With what was looked for."""
    house.change(f"{FOLDER}/{file}.py", old, new)
    lines = told(house)
    assert any(expected in line for line in lines), lines
