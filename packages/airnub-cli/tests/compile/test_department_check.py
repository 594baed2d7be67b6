# ruff: noqa: F811  # fixtures of another folder
"""What a department's `department.py` says of it.
Flows: deployed or marked; settings that are strict.
"""

from importlib import import_module

import pytest
from checked_workspace import house, installed_once  # noqa: F401  # noqa: F401

from airnub_cli.compile.department_check import wrong_description, wrong_flows
from airnub_cli.compile.prefect_yaml import read_source

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
        ("settings", 'stage="ingestion"', 'stage="ingest"', "stage='ingest', whose Variable it would read"),
        (
            "department",
            '.demo:DEMO")',
            '.demo:DEMO", descriptions={"ingestion": "Old."})',
            "department.py: expected the description of flow ingestion, '",
        ),
        (
            "department",
            '.demo:DEMO")',
            '.demo:DEMO", descriptions={"pipeline": "Old."})',
            "department.py: expected the description of flow pipeline, '",
        ),
        ("demo", "DEMO = None", "1 / 0", "alpha_dept/demo.py:1: importing raises ZeroDivisionError: division by zero"),
    ],
)
def test_what_is_not_there_is_told(house, file, old, new, expected):
    """With what was looked for."""
    house.change(f"{FOLDER}/{file}.py", old, new)
    lines = told(house)
    assert any(expected in line for line in lines), lines


SRC = "departments/alpha_dept/src/alpha_dept"


def wrong(house):
    """What is told of the first department."""
    source = read_source("alpha_dept", None, house.root / "departments/alpha_dept/prefect.yaml")
    return house.told(wrong_flows(source))


def test_a_good_department(house):
    """Nothing to tell."""
    assert wrong(house) == []


def test_a_flow_that_nobody_deployed(house):
    """Where it is defined, and both ways to mend it; marked, it is fine."""
    house.write(f"{SRC}/flows/more.py", "from prefect import flow\n\n\n@flow\ndef more(): ...\n")
    [told] = wrong(house)
    assert told.startswith(f"{SRC}/flows/more.py:4: expected a deployment of flow alpha_dept.flows.more.more")
    assert "alpha_dept.flows.more:more in `undeployed`" in told


def test_a_flow_that_is_marked(house):
    """And a mark of a flow that is not there."""
    house.write(f"{SRC}/flows/more.py", "from prefect import flow\n\n\n@flow\ndef more(): ...\n")
    marks = '("alpha_dept.flows.more:more", "alpha_dept.flows:gone")'
    house.change(f"{SRC}/department.py", '"alpha_dept.demo:DEMO")', f'"alpha_dept.demo:DEMO", {marks})')
    assert wrong(house) == [
        f"{SRC}/department.py: expected flows of the department in `undeployed`, found 'alpha_dept.flows.gone'"
    ]


def test_a_category_is_a_part_of_its_stage(house):
    """When the stage imports it; else nobody would run it."""
    (house.root / SRC / "flows/ingestion.py").unlink()
    house.write(f"{SRC}/flows/ingestion/__init__.py", "from alpha_dept.flows.ingestion.stage import ingestion\n")
    house.write(
        f"{SRC}/flows/ingestion/stage.py",
        "from prefect import flow\nfrom alpha_dept.flows.ingestion import files\n\n\n"
        "@flow(name='alpha-dept')\ndef ingestion(): ...\n",
    )
    for category in ("files", "pages"):
        house.write(
            f"{SRC}/flows/ingestion/{category}.py", f"from prefect import flow\n\n\n@flow\ndef {category}(): ...\n"
        )
    [told] = wrong(house)
    assert told.startswith(f"{SRC}/flows/ingestion/pages.py:4: expected a deployment of flow")


@pytest.mark.parametrize("path", ["department.py", "flows/__init__.py", "flows/more.py"])
def test_what_cannot_be_imported(house, path):
    """The file and the line that raises; nothing is swallowed."""
    house.write(f"{SRC}/helper.py", "\nraise ValueError('no such luck')\n")
    house.write(f"{SRC}/{path}", "import alpha_dept.helper\n")
    assert wrong(house) == [f"{SRC}/helper.py:2: importing raises ValueError: no such luck"]


def test_a_dependency_that_is_not_installed(house):
    """The command that installs it."""
    house.write(f"{SRC}/flows/more.py", "import not_installed_here\n")
    [told] = wrong(house)
    assert told.startswith(f"{SRC}/flows/more.py:1: alpha-dept imports not_installed_here, and does not declare")
    house.change("departments/alpha_dept/pyproject.toml", "dependencies = [", 'dependencies = ["not-installed-here", ')
    [told] = wrong(house)
    assert told.startswith(f"{SRC}/flows/more.py:1: importing raises ModuleNotFoundError")
    assert told.endswith("`uv sync --all-packages` installs what departments need")


def test_a_department_of_another_name(house):
    """It would look for the Variables of somebody else."""
    house.change(f"{SRC}/department.py", 'Department("alpha_dept"', 'Department("beta_dept"')
    assert f"{SRC}/department.py: expected DEPARTMENT.name to be 'alpha_dept', found 'beta_dept'" in wrong(house)


def test_settings_that_swallow_unknown_keys(house):
    """However deep; the class and its line."""
    house.change(
        f"{SRC}/settings.py",
        "    days: int = 1\n",
        "    parts: dict[str, list[Part]] | None = None\n",
    )
    house.change(
        f"{SRC}/settings.py", "\n\n\n", "\nfrom pydantic import BaseModel\n\n\nclass Part(BaseModel):\n    x: int\n\n\n"
    )
    [told] = wrong(house)
    assert told.startswith(f"{SRC}/settings.py:5: expected extra='forbid' in Part, a part of the settings of stage")


def test_settings_that_are_not_there(house):
    """Told of the department, which names them."""
    house.change(f"{SRC}/department.py", "settings:Settings", "settings:Gone")
    [told] = wrong(house)
    assert told.startswith(
        f"{SRC}/department.py: expected settings of stage ingestion at alpha_dept.settings:Gone, found"
    )


def test_a_trigger_waits_for_a_dataset_of_the_department(house):
    """One that no stage makes would never start anything; those of other departments are theirs to name."""
    house.write(f"{SRC}/datasets.py", 'DATASETS = {"orders": None, "orders.v2": None}\n')
    settings = house.root / SRC / "settings.py"
    house.write(f"{SRC}/settings.py", settings.read_text().replace("StageSettings", "DatasetSettings"))
    triggers = (
        "    triggers:\n      - name: after\n        type: event\n        enabled: true\n"
        "        match: {prefect.resource.id: [airnub.dataset.alpha_dept.orders.v2, airnub.dataset.beta_dept.x]}\n"
        "        expect: [airnub.dataset.updated]\n"
    )
    path = "departments/alpha_dept/prefect.yaml"
    house.write(path, (house.root / path).read_text() + triggers)
    assert wrong(house) == []
    house.change(path, "orders.v2", "order")
    assert wrong(house) == [
        f"{path}:12: deployments.0.triggers.0.match.prefect.resource.id: expected a dataset of alpha_dept, found "
        "'order'; did you mean 'orders'?"
    ]
