"""The command `airnub compile`."""

import sys
from types import ModuleType

import pytest
from click.testing import CliRunner

from airnub_cli.__main__ import main
from airnub_cli.compile import workspace_check


@pytest.fixture
def airnub(house, monkeypatch):
    """Types `airnub compile …` in the checkout."""
    monkeypatch.chdir(house.root)
    return lambda *arguments: CliRunner().invoke(main, ["compile", *arguments])


def test_the_root_file_is_written_and_then_up_to_date(house, airnub):
    """A second time nothing is written; `--check` has nothing to say."""
    assert airnub("--check").exit_code == 1
    assert not (house.root / "prefect.yaml").exists()
    result = airnub()
    assert (result.exit_code, result.stderr) == (0, "prefect.yaml is written\n")
    written = (house.root / "prefect.yaml").stat()
    assert airnub().stderr == "prefect.yaml is up to date: 2 deployments\n"
    assert (house.root / "prefect.yaml").stat().st_mtime_ns == written.st_mtime_ns
    assert airnub("--check").exit_code == 0


def test_what_is_stale_is_named(house, airnub):
    """The root's file as well as a department's, each with the command that writes it."""
    airnub()
    house.change("owner: team-one", "owner: team-two", "configs/departments.yaml")
    result = airnub("--check")
    assert result.exit_code == 1
    assert result.stderr.splitlines() == [
        "departments/department_for_deploying/prefect.yaml is stale; `airnub compile` writes it",
        "prefect.yaml is stale; `airnub compile` writes it",
    ]
    assert airnub().exit_code == 0
    assert airnub("--check").exit_code == 0
    assert "owner:team-two" in house.deployments.read_text()


def test_what_repeats_the_registry_is_written_too(house, airnub):
    """With the organisation that owners belong to, CODEOWNERS; of another environment nothing but its file."""
    house.change("departments:", "organisation: acme\ndepartments:", "configs/departments.yaml")
    airnub("--pools", "process")
    assert not (house.root / ".github").exists()
    assert ".github/CODEOWNERS is written" in airnub().stderr
    owners = (house.root / ".github" / "CODEOWNERS").read_text()
    assert "/departments/department_for_deploying/ @acme/team-one\n" in owners


@pytest.mark.parametrize("to", ["elsewhere.yaml", "-"])
def test_what_goes_elsewhere_is_written_alone(house, airnub, to):
    """The checkout may not be ours to write, as in the image that deploys; also of the environment `local`."""
    house.change("departments:", "organisation: acme\ndepartments:", "configs/departments.yaml")
    house.change("owner: team-one", "owner: team-two", "configs/departments.yaml")
    before = {path: path.read_bytes() for path in house.root.rglob("*") if path.is_file()}
    result = airnub("--no-cache", "-o", to)
    assert result.exit_code == 0
    after = {path: path.read_bytes() for path in house.root.rglob("*") if path.is_file() and path.suffix != ".pyc"}
    made = after.pop(house.root / "elsewhere.yaml", result.stdout.encode())
    assert b"owner:team-two" in made
    assert after == before


def test_what_a_department_prints_is_not_in_the_file(airnub, monkeypatch):
    """It was the first line of the YAML on stdout."""
    read = workspace_check.read_source

    def loaded(*arguments):
        sys.stdout.write("loaded\n")
        return read(*arguments)

    monkeypatch.setattr("airnub_cli.subprocesses.can_fork", lambda: False)
    monkeypatch.setattr(workspace_check, "read_source", loaded)
    result = airnub("--no-cache", "-o", "-")
    assert result.exit_code == 0
    assert "loaded" in result.stderr
    assert "loaded" not in result.stdout


def test_a_file_that_cannot_be_written(house, airnub):
    """Its path and the reason, and the status of a wrong argument."""
    found = airnub("-o", "pyproject.toml/prefect.yaml")
    assert found.exit_code == 2
    assert "pyproject.toml/prefect.yaml: expected a file that can be written, found: " in found.output


def test_with_a_mistake_nothing_is_written(house, airnub):
    """The mistakes stand on stderr with their lines; exit status 2."""
    house.change("concurrency_limit: {limit: 3,", "concurrency_limit: {limt: 3,")
    for arguments in ([], ["--check"], ["--pools", "process"]):
        result = airnub(*arguments)
        assert result.exit_code == 2
        assert result.stdout == ""
        assert "prefect.yaml:8: unknown key 'deployments.0.concurrency_limit.limt'; did you mean" in result.stderr
        assert result.stderr.endswith("mistakes; nothing was written\n")
    assert not (house.root / "prefect.yaml").exists()


def test_another_environment_goes_to_a_file_or_to_stdout(house, airnub, monkeypatch):
    """The root's file is that of `local` alone."""
    images = ModuleType("airnub_cli.images.image")
    images.ImageDigests, images.ImageDigest = lambda *_: lambda _: "abc", object
    monkeypatch.setitem(sys.modules, "airnub_cli.images.image", images)
    result = airnub("--env", "far")
    assert result.exit_code == 0
    assert "image: registry.example.org/house/department-for-deploying:abc" in result.stdout
    assert airnub("--env", "far", "-o", "far.yaml").exit_code == 0
    assert (house.root / "far.yaml").read_text() == result.stdout
    assert airnub("--env", "far", "-o", "far.yaml", "--check").exit_code == 0
    assert not (house.root / "prefect.yaml").exists()


def test_processes_go_to_stdout(house, airnub):
    """So that the committed file stays that of Docker."""
    result = airnub("--pools", "process")
    assert result.exit_code == 0
    assert "image:" not in result.stdout
    assert not (house.root / "prefect.yaml").exists()


def test_an_unknown_environment_is_a_mistake_of_the_caller(airnub):
    """One line, exit status 2."""
    result = airnub("--env", "nowhere")
    assert result.exit_code == 2
    assert "--env: expected one of the environments far, local, found 'nowhere'" in result.stderr
