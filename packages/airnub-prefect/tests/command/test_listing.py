"""The `list` command."""

import json

EXPECTED = [
    {
        "stage": "ingestion",
        "flow": "department-for-tests-ingestion",
        "description": "Fetches what it is told.",
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


def test_for_people(capsys):
    """A line for each flow."""
    from department_for_tests.department import DEPARTMENT

    from airnub_prefect.command.listing import list_flows

    assert list_flows(DEPARTMENT, as_json=False) == 0
    out = capsys.readouterr().out
    for row in EXPECTED:
        [line] = [line for line in out.splitlines() if f" {row['flow']} " in line]
        assert row["description"] in line
        assert row["file"] in line
