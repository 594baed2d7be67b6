"""The engine, by way of a `docker` that says what the real one says. The real one is met in tests/docker."""

import sys

import pytest

from airnub_cli.images.docker_engine import DockerEngine, EngineError


@pytest.fixture
def docker(tmp_path, monkeypatch):
    """A command that prints, to stdout or stderr, and exits as told."""

    def make(stdout="", stderr="", status=0):
        script = tmp_path / "docker"
        script.write_text(
            f"#!{sys.executable}\nimport sys\n"
            f"print({stdout!r})\nprint({stderr!r}, file=sys.stderr)\nsys.exit({status})\n"
        )
        script.chmod(0o755)
        monkeypatch.setenv("PATH", str(tmp_path))
        return DockerEngine(tmp_path)

    return make


def test_labels(docker):
    """As the engine has them; an image without any has none."""
    assert docker('{"a": "1"}').labels("x") == {"a": "1"}
    assert docker("null").labels("x") == {}


def test_no_such_image(docker):
    """`None`, be it written in capitals or not."""
    assert docker(stderr="Error: No such image: x", status=1).labels("x") is None


def test_no_engine(docker):
    """Its own words are in the error."""
    with pytest.raises(EngineError, match=r"expected a Docker engine that answers, found: Cannot connect"):
        docker(stderr="Cannot connect to the Docker daemon", status=1).labels("x")


def test_no_docker_at_all(tmp_path, monkeypatch):
    """A machine without Docker is told so."""
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(EngineError, match="expected the command docker, found none"):
        DockerEngine(tmp_path).labels("x")


def test_what_a_registry_says(docker):
    """It has it, it has not, or it cannot be asked: three things."""
    assert docker("{}").pushed("r/x:1")
    assert not docker(stderr="manifest unknown", status=1).pushed("r/x:1")
    with pytest.raises(EngineError, match=r"expected the registry of r/x:1 to say .* found: unauthorized"):
        docker(stderr="unauthorized", status=1).pushed("r/x:1")


def test_a_build_that_fails(docker):
    """Which images, and the exit status."""
    with pytest.raises(EngineError, match=r"to build one, found exit status 3"):
        docker(status=3).bake({"target": {"one": {}}}, push=False)
