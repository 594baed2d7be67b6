"""The command `airnub apply`."""

import json

import pytest
from click.testing import CliRunner
from prefect.settings import PREFECT_API_URL, temporary_settings

from airnub_cli.__main__ import main


@pytest.fixture
def run(filled_repository, monkeypatch):
    """Run the command in a repository that has a pool, a secret and an automation, and no department."""
    root = filled_repository.root
    (root / "configs" / "variables").rename(root / "elsewhere")
    (root / "pyproject.toml").write_text('[tool.uv.workspace]\nmembers = ["packages/*"]\n')
    monkeypatch.chdir(root)
    return lambda *arguments: CliRunner().invoke(main, ["apply", *arguments])


def test_a_table_and_then_nothing_to_send(run, filled_repository, prefect_api):
    """What was done, in a row each; the second time, that nothing was sent. Secrets come from `.env`."""
    (filled_repository.root / ".env").write_text("TOKEN=hunter2\n")
    first = run()
    assert first.exit_code == 0
    assert f"work pool    {filled_repository.pool}" in first.stdout
    assert "5 created." in first.stdout
    second = run()
    assert second.exit_code == 0
    assert "5 unchanged; nothing was sent." in second.stdout
    assert "hunter2" not in first.output + second.output


def test_json(run, filled_repository, prefect_api, monkeypatch):
    """One document on stdout."""
    monkeypatch.setenv("TOKEN", "hunter2")
    result = run("--json")
    assert result.exit_code == 0
    document = json.loads(result.stdout)
    assert document["environment"] == "local"
    assert document["counts"] == {"created": 5, "updated": 0, "unchanged": 0}
    assert {"kind": "work pool", "name": filled_repository.pool, "action": "created", "different": [], "kept": []} in (
        document["changes"]
    )


def test_a_missing_secret(run):
    """Exit status 2, and nothing is sent: nobody is even asked."""
    with temporary_settings({PREFECT_API_URL: "http://127.0.0.1:9/api"}):
        result = run()
    assert result.exit_code == 2
    assert "expected TOKEN in the environment or in .env, found nothing" in result.stderr
    assert "1 mistake; nothing was sent." in result.stderr


def test_nobody_answers(run, monkeypatch):
    """Exit status 1."""
    monkeypatch.setenv("TOKEN", "x")
    with temporary_settings({PREFECT_API_URL: "http://127.0.0.1:9/api"}):
        result = run()
    assert result.exit_code == 1
    assert "expected a Prefect server at http://127.0.0.1:9/api" in result.stderr


def test_an_unknown_environment(run):
    """Exit status 2."""
    result = run("--env", "nowhere")
    assert result.exit_code == 2
    assert "expected one of the environments local, found 'nowhere'" in result.stderr


def test_outside_of_a_checkout(tmp_path_factory, monkeypatch):
    """Exit status 2 and one line."""
    monkeypatch.chdir(tmp_path_factory.mktemp("elsewhere"))
    result = CliRunner().invoke(main, ["apply"])
    assert result.exit_code == 2
    assert "expected a uv workspace" in result.stderr


DEPARTMENT = """
from airnub_prefect.department import Department, Stage
from airnub_prefect.settings import StageSettings


class Settings(StageSettings, department="{name}", stage="ingestion"):
    store: str
    options: dict[str, int] = {{}}
    files: list[dict[str, str]] = []


DEPARTMENT = Department("{name}", (Stage("ingestion", "", "{name}.department:Settings"),), "", "")
"""


def test_whose_sources_are_asked_is_said(run, filled_repository, prefect_api, monkeypatch):
    """That an environment replaces those of departments must not go unseen; also of one that is not installed here."""
    monkeypatch.setenv("TOKEN", "hunter2")
    name = filled_repository.department
    filled_repository.write(f"departments/{name}/src/{name}/__init__.py", "")
    filled_repository.write(f"departments/{name}/src/{name}/department.py", DEPARTMENT.format(name=name))
    (filled_repository.root / "elsewhere").rename(filled_repository.root / "configs" / "variables")
    assert "sources: each department's own" in run().stdout
    filled_repository.write(
        "configs/environments/sample.yaml",
        f"description: x\nextends: local\nvariables: {{{name}: {{ingestion: {{files: [{{name: b}}]}}}}}}\n",
    )
    assert f"sources: replaced by the environment sample for {name}; " in run("--env", "sample").stdout
    document = json.loads(run("--env", "sample", "--json").stdout)
    assert document["replaced_sources"] == {name: ["files"]}


def test_what_to_type_where_departments_are_not_installed(run, filled_repository, monkeypatch):
    """One command, with the arguments that were given."""
    monkeypatch.setenv("TOKEN", "hunter2")
    name, slug = filled_repository.department, filled_repository.pool
    filled_repository.write("pyproject.toml", '[tool.uv.workspace]\nmembers = ["departments/*"]\n')
    filled_repository.write(f"departments/{name}/pyproject.toml", f'[project]\nname = "{slug}"\nversion = "0"\n')
    (filled_repository.root / "elsewhere").rename(filled_repository.root / "configs" / "variables")
    monkeypatch.setattr("sys.argv", ["airnub", "apply", "--env", "local"])
    result = run("--env", "local")
    assert result.exit_code == 2
    assert f"not installed here: {slug}; " in result.stderr
    assert "`uv run --all-packages airnub apply --env local`" in result.stderr
