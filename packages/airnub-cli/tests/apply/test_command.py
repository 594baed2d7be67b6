"""The command `airnub apply`."""

import json
import sys

import pytest
from click.testing import CliRunner
from prefect.settings import PREFECT_API_URL, temporary_settings

from airnub_cli.__main__ import main
from airnub_cli.apply import command, desired_state
from airnub_cli.apply.desired_state import VARIABLE
from airnub_cli.prefect_api import Action, Change, prefect_server


@pytest.fixture
def run(filled_repository, monkeypatch):
    """Run the command in a repository that has a pool, a secret and an automation, and no department."""
    root = filled_repository.root
    (root / "configs" / "variables").rename(root / "elsewhere")
    (root / "pyproject.toml").write_text('[tool.uv.workspace]\nmembers = ["packages/*"]\n')
    monkeypatch.chdir(root)
    return lambda *arguments: CliRunner().invoke(main, ["apply", *arguments])


def test_a_table_and_then_nothing_to_send(run, filled_repository, empty_server):
    """One row per object; the second run says that nothing was sent. Secrets come from `.env`."""
    (filled_repository.root / ".env").write_text("TOKEN=hunter2\n")
    first = run()
    assert first.exit_code == 0
    assert f"work pool    {filled_repository.pool}" in first.stdout
    assert "6 created." in first.stdout
    second = run()
    assert second.exit_code == 0
    assert "6 unchanged; nothing was sent." in second.stdout
    assert "hunter2" not in first.output + second.output


def test_json(run, filled_repository, empty_server, monkeypatch):
    """One document on stdout, even if a department prints something when it is imported."""
    read = desired_state.read_desired_state

    def loaded(*arguments, **options):
        sys.stdout.write("loaded\n")
        return read(*arguments, **options)

    monkeypatch.setattr(desired_state, "read_desired_state", loaded)
    monkeypatch.setenv("TOKEN", "hunter2")
    result = run("--json")
    assert result.exit_code == 0
    assert "loaded" in result.stderr
    document = json.loads(result.stdout)
    assert document["environment"] == "local"
    assert document["counts"] == {"created": 6, "updated": 0, "unchanged": 0}
    assert {"kind": "work pool", "name": filled_repository.pool, "action": "created", "different": [], "kept": []} in (
        document["changes"]
    )


def test_a_missing_secret(run):
    """Exit status 2; no server is asked, and nothing is sent."""
    with temporary_settings({PREFECT_API_URL: "http://127.0.0.1:9/api"}):
        result = run("--env", "local")
    assert result.exit_code == 2
    assert "expected TOKEN in the environment or in .env, found nothing" in result.stderr
    assert "1 mistake; nothing was sent." in result.stderr


def test_a_server_that_does_not_answer(run, monkeypatch):
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


@pytest.fixture
def environments(run, filled_repository, empty_server, monkeypatch):
    """A repository with several environments."""
    monkeypatch.setenv("TOKEN", "hunter2")
    for name in ("sample", "production"):
        filled_repository.write(f"configs/environments/{name}.yaml", "description: x\n")


def test_the_environment_of_the_server_is_kept(run, environments, monkeypatch):
    """Without --env and AIRNUB_ENV it is printed; `.env` counts like the environment of the process."""
    assert run("--env", "production", "--switch").exit_code == 0
    kept = run("--default", "sample")
    assert (kept.exit_code, "production on " in kept.stdout) == (0, True)
    assert "environment: production, which the server has" in kept.stderr
    assert json.loads(run("--json").stdout)["environment"] == "production"


def test_the_mark_is_sent_first(run, environments, filled_repository):
    """So the next command completes an interrupted one, even without --env."""
    document = json.loads(run("--env", "production", "--switch", "--json").stdout)
    assert document["changes"][0]["name"] == VARIABLE


@pytest.mark.parametrize("way", ["option", "variable", "file"])
def test_a_different_environment_is_refused(run, environments, filled_repository, monkeypatch, way):
    """Exit status 2 for every way to pass it; both are named, nothing is sent, and --switch replaces it."""
    run("--env", "production", "--switch")
    if way == "variable":
        monkeypatch.setenv("AIRNUB_ENV", "sample")
    if way == "file":
        filled_repository.write(".env", "AIRNUB_ENV=sample\n")
    arguments = ["--env", "sample"] if way == "option" else []
    refused = run(*arguments)
    assert refused.exit_code == 2
    assert "expected the environment of the server, production" in refused.stderr
    assert "found sample" in refused.stderr
    with prefect_server() as server:
        assert server.get(f"/variables/name/{VARIABLE}")["value"] == "production"
    assert run(*arguments, "--switch").exit_code == 0
    # From the sample sites to any other.
    assert run("--env", "production").exit_code == 0


def test_the_environment_is_written_for_scripts(run, environments, tmp_path_factory):
    """Scripts compile and deploy the applied environment; a refusal writes nothing."""
    file = tmp_path_factory.mktemp("said") / "environment"
    assert run("--environment-file", str(file)).exit_code == 0
    assert file.read_text() == "local\n"
    file.unlink()
    assert run("--env", "production", "--environment-file", str(file)).exit_code == 2
    assert not file.exists()


def test_a_file_for_scripts_that_cannot_be_written(run, environments, tmp_path):
    """The environment is applied all the same, and the message says so; it was a traceback."""
    (tmp_path / "file").touch()
    found = run("--environment-file", str(tmp_path / "file" / "environment"))
    assert found.exit_code == 1
    assert "file/environment: expected a file that can be written, found: " in found.stderr
    assert "the environment local is applied, so correct the path, and run this again" in found.stderr


def test_an_interrupted_command_says_what_was_sent(monkeypatch, capsys):
    """The next run sends the rest."""

    def interrupted():
        raise KeyboardInterrupt

    changes = [
        Change("variable", "a", Action.CREATED, lambda: None),
        Change("variable", "b", Action.UNCHANGED, lambda: None),
        Change("variable", "c", Action.CREATED, interrupted),
        Change("variable", "d", Action.CREATED, lambda: None),
    ]
    with pytest.raises(KeyboardInterrupt):
        command._send(changes)
    assert capsys.readouterr().err == "interrupted: 1 of 3 changes were sent; the next run sends the rest\n"


def test_a_kept_environment_without_a_file(run, environments, filled_repository):
    """Exit status 2; the message names the Variable and the known environments."""
    run("--env", "production", "--switch")
    (filled_repository.root / "configs/environments/production.yaml").unlink()
    result = run()
    assert result.exit_code == 2
    assert "Variable airnub_environment on the server: expected one of the environments local, sample" in result.stderr


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


def test_replaced_sources_are_printed(run, filled_repository, empty_server, monkeypatch):
    """The output says which departments' sources are replaced, even of departments that are not installed here."""
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
    assert f"sources: replaced by the environment sample for {name}; " in run("--env", "sample", "--switch").stdout
    document = json.loads(run("--env", "sample", "--json").stdout)
    assert document["replaced_sources"] == {name: ["files"]}


def test_what_to_type_where_departments_are_not_installed(run, filled_repository, monkeypatch):
    """One command, with the given arguments."""
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
