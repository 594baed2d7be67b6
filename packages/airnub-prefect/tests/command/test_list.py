"""The `list` command."""

import json

import pytest

EXPECTED = [
    {
        "stage": "ingestion",
        "flow": "department-for-tests-ingestion",
        "description": "Fetches the given URLs.",
        "variable": "dept_department_for_tests_ingestion_config",
        "file": "configs/variables/department_for_tests/ingestion.yaml",
    },
    {
        "stage": "counting",
        "flow": "department-for-tests-counting",
        "description": "Counts.",
        "variable": "dept_department_for_tests_counting_config",
        "file": "configs/variables/department_for_tests/counting.yaml",
    },
]


@pytest.mark.system
def test_a_list_needs_no_server(command, tmp_path):
    """It works with a server that is not there, and writes nothing."""
    done = command("list", "--json", PREFECT_API_URL="http://127.0.0.1:9/api")
    assert done.returncode == 0, done.stderr
    rows = json.loads(done.stdout)
    assert rows[:2] == EXPECTED
    assert rows[-1] == {
        "stage": "pipeline",
        "flow": "department-for-tests",
        "description": "Both.",
        "variable": "-",
        "file": "-",
    }
    assert done.stderr == ""
    assert list(tmp_path.rglob("*.db")) == []


def test_without_json(capsys):
    """The output has a paragraph for each flow, in lines of at most 100 characters without a terminal."""
    from department_for_tests.department import DEPARTMENT

    from airnub_prefect.command.list import list_flows

    assert list_flows(DEPARTMENT, as_json=False) == 0
    out = capsys.readouterr().out
    for row in EXPECTED:
        lines = out.splitlines()
        at = lines.index(f"{row['stage']:<9}   {row['flow']}")
        assert [line.strip() for line in lines[at + 1 : at + 4]] == [
            row["description"],
            f"settings: Variable {row['variable']}",
            row["file"],
        ]


def test_long_descriptions_are_wrapped(capsys):
    """Between words, to 100 characters without a terminal."""
    from department_for_tests.department import DEPARTMENT
    from department_for_tests.flows import counting

    from airnub_prefect.command.list import list_flows

    before, counting.description = counting.description, "counts what there is, " * 20
    try:
        list_flows(DEPARTMENT, as_json=False)
    finally:
        counting.description = before
    lines = capsys.readouterr().out.splitlines()
    assert 80 < max(map(len, lines)) <= 100
    assert " ".join(line.strip() for line in lines).count("counts what there is,") == 20


def test_what_is_described_is_printed_without_flows(capsys):
    """Names by the rule, and the department's own texts: its flows are not imported, here they do not exist."""
    from airnub_prefect.command.list import list_flows
    from airnub_prefect.department import Department, Stage

    texts = {"ingestion": "Fetches orders.", "pipeline": "All of it."}
    department = Department("my_orders", (Stage("ingestion", "no:flow", "no:settings"),), "no:flow", "", (), texts)
    assert list_flows(department, as_json=True) == 0
    assert json.loads(capsys.readouterr().out) == [
        {
            "stage": "ingestion",
            "flow": "my-orders-ingestion",
            "description": "Fetches orders.",
            "variable": "dept_my_orders_ingestion_config",
            "file": "configs/variables/my_orders/ingestion.yaml",
        },
        {"stage": "pipeline", "flow": "my-orders", "description": "All of it.", "variable": "-", "file": "-"},
    ]
