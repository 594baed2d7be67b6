"""The command `airnub template`: output and exit statuses."""

import json

import pytest
from click.testing import CliRunner

from airnub_cli.__main__ import main


@pytest.fixture
def run(house, monkeypatch):
    """Run `airnub template` in the house."""
    monkeypatch.chdir(house.root / "departments")
    return lambda *arguments: CliRunner().invoke(main, ["template", *arguments])


def test_status(house, run):
    """One line per department and one for each file; JSON has the same."""
    house.tasks("alpha", "one = 1", "one = 'alpha'")
    house.tasks("_template", "one = 1", "one = 11")
    done = run("status")
    assert done.exit_code == 0
    assert done.stdout.splitlines() == [
        "alpha: conflict",
        "  conflict  departments/alpha/src/alpha/tasks.py",
        "beta: behind",
        "  behind    departments/beta/src/beta/tasks.py",
    ]
    [alpha] = json.loads(run("status", "alpha", "--json").stdout)
    assert (alpha["department"], alpha["state"]) == ("alpha", "conflict")
    assert alpha["files"] == [{"path": "departments/alpha/src/alpha/tasks.py", "state": "conflict", "note": ""}]


def test_status_as_a_check(house, run):
    """1 if the department lacks a change of the template; its own changes do not count."""
    house.tasks("alpha", "one = 1", "one = 'alpha'")
    assert run("status", "--check").exit_code == 0
    house.tasks("_template", "five = 5", "five = 55")
    assert run("status", "--check").exit_code == 1


def test_update(house, run):
    """The output lists the changes; the status is 1 if manual changes remain."""
    house.tasks("_template", "one = 1", "one = 11")
    house.commit()
    done = run("update", "alpha")
    assert (done.exit_code, done.stderr) == (0, "2 files are written\n")
    assert "  updated   departments/alpha/src/alpha/tasks.py" in done.stdout
    house.tasks("beta", "one = 1", "one = 'beta'")
    house.commit()
    done = run("update")
    assert done.exit_code == 1
    assert "1 files have conflicts: resolve them" in done.stderr
    house.commit()
    done = run("update")
    assert (done.exit_code, "conflict markers of an earlier update" in done.stdout) == (1, True)
    house.write("departments/beta/src/beta/tasks.py", "one = 'beta'\n")
    house.commit()
    assert "every department is up to date" in run("update").stderr


def test_a_dirty_tree_is_refused(house, run):
    """Nothing is written."""
    house.tasks("_template", "one = 1", "one = 11")
    done = run("update")
    assert done.exit_code == 2
    assert "expected a clean working tree" in done.stderr
    assert house.read("departments/beta/src/beta/tasks.py").startswith("one = 1\n")


def test_a_base_for_a_department_without_a_record(house, run):
    """With --base it is compared; without, its state is unknown."""
    (house.root / "departments/alpha/template.toml").unlink()
    house.commit()
    assert "pass --base REF" in run("status", "alpha").stdout
    assert run("status", "alpha", "--base", "HEAD").stdout == "alpha: current\n"
    assert "alpha: unknown" in run("update").stdout
    assert run("status", "--base", "nobody").exit_code == 2


def test_a_template_that_git_lost(house, run):
    """It is reported with what to do, and the command fails."""
    house.write("departments/alpha/template.toml", f'tree = "{"0" * 40}"\n')
    house.commit()
    assert "alpha: unknown (expected the template 000000000000 in the history of" in run("status").stdout
    assert json.loads(run("status", "alpha", "--json").stdout)[0]["note"].startswith("expected the template")
    assert (run("status").exit_code, run("status", "--check").exit_code, run("update").exit_code) == (0, 1, 1)


@pytest.mark.parametrize("command", ["status", "update"])
def test_help_has_an_example(run, command):
    """Like every command."""
    assert f"Example: uv run airnub template {command}" in run(command, "--help").stdout


def test_names_without_a_successor(house, run):
    """They are printed with file and line; the exit status is 1 until there are none."""
    path = "departments/alpha/src/alpha/more.py"
    house.write(path, '"""More of alpha."""\n\nfrom airnub_core.tables import read_csv\n')
    house.commit()
    done = run("update", "alpha")
    assert done.exit_code == 1
    assert f"{path}:3: read_csv of airnub_core.tables has no successor in airnub_data: " in done.stdout
    assert "1 places need manual changes: names without a successor" in done.stderr
