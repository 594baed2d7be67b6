"""The command `airnub images`."""

import json
import os

import pytest
from click.testing import CliRunner

from airnub_cli.__main__ import main
from airnub_cli.images.docker_engine import DockerBases
from airnub_cli.images.image import ImageDigests


@pytest.fixture
def invoke(workspace, monkeypatch):
    """Inside the workspace, on a machine without Docker."""
    monkeypatch.chdir(workspace.root)
    return lambda *arguments: CliRunner().invoke(main, ["images", *arguments])


def test_a_wrong_name_is_a_mistake_of_the_caller(invoke):
    """One line with the names that there are, exit status 2."""
    result = invoke("nobody")
    assert result.exit_code == 2
    assert "found 'nobody'; there are department-template, project-alpha, prefect" in result.stderr


def test_pushing_needs_a_registry(invoke):
    """Local images stay where they are."""
    result = invoke("--push")
    assert result.exit_code == 2
    assert "expected a registry with --push, found none; local" in result.stderr


def test_an_environment_says_its_registry(invoke, workspace):
    """One that has none has local images; both at once is a mistake, as is one that does not exist."""
    folder = workspace.root / "configs" / "environments"
    folder.mkdir(parents=True)
    (folder / "far.yaml").write_text("description: There.\nregistry: registry.example/house\n")
    (folder / "near.yaml").write_text("description: Here.\n")
    for arguments, said in (
        (["--env", "far", "--registry", "other.example"], "expected one of --env and --registry, found both"),
        (["--env", "fra"], "expected one of the environments far, local, near, found 'fra'"),
        (["--env", "near", "--push"], "expected a registry with --push, found none in "),
    ):
        result = invoke(*arguments)
        assert (result.exit_code, said in result.stderr) == (2, True), result.stderr


def test_images_are_named_as_the_deployments_of_an_environment(invoke, workspace, tmp_path, monkeypatch):
    """The same name as `airnub compile --env` writes; what is not known of base images is said."""
    folder = workspace.root / "configs" / "environments"
    folder.mkdir(parents=True)
    (folder / "far.yaml").write_text("description: There.\nregistry: registry.example/house\n")
    docker = tmp_path / "bin" / "docker"
    docker.parent.mkdir()
    docker.write_text("#!/bin/sh\necho 'Error: No such image' >&2; exit 1\n")
    docker.chmod(0o755)
    monkeypatch.setenv("PATH", f"{docker.parent}{os.pathsep}{os.environ['PATH']}")
    result = invoke("project-alpha", "--env", "far", "--dry-run", "--json")
    assert result.exit_code == 0, result.output
    [row] = json.loads(result.stdout)
    bases = DockerBases(registry=True)
    assert row["image"] == f"registry.example/house/project-alpha:{ImageDigests(workspace, bases)('project-alpha')}"
    assert "the digest of python:3.13-slim-trixie, found none: its name is used instead" in result.stderr


def test_no_engine_is_a_failure(invoke, monkeypatch):
    """One line, exit status 1, nothing on stdout."""
    monkeypatch.setenv("DOCKER_HOST", "tcp://127.0.0.1:9")
    result = invoke("--dry-run", "--json")
    assert result.exit_code == 1
    reasons = ("expected a Docker engine that answers, found: ", "expected the command docker, found none")
    assert result.stderr.startswith(tuple(f"Error: {reason}" for reason in reasons))
    assert result.stdout == ""


def test_base_images_by_digest(invoke, workspace, tmp_path, monkeypatch):
    """As one command tells them to others; a name that two Dockerfiles use for two images cannot be told for both."""
    docker = tmp_path / "bin" / "docker"
    docker.parent.mkdir()
    docker.write_text("#!/bin/sh\necho '\"sha256:12\"'\n")
    docker.chmod(0o755)
    monkeypatch.setenv("PATH", f"{docker.parent}{os.pathsep}{os.environ['PATH']}")
    for name in ("PYTHON_IMAGE", "UV_IMAGE"):
        monkeypatch.delenv(name, raising=False)
    result = invoke("--bases")
    assert result.exit_code == 0, result.stderr
    names, images = zip(*(line.split("=") for line in result.stdout.splitlines()), strict=True)
    assert names == ("PYTHON_IMAGE", "UV_IMAGE")
    assert all(one.endswith("@sha256:12") for one in images)
    (workspace.root / "departments/project_alpha/Dockerfile").write_text("ARG PYTHON_IMAGE=other:1\nFROM scratch\n")
    result = invoke("--bases")
    assert result.exit_code == 2
    assert "expected one PYTHON_IMAGE for all images, found other:1, python" in result.stderr
