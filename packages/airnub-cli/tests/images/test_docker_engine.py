"""Base images, by way of a `docker` that says what the real one says.
The engine, by way of a `docker` that says what the real one says. The real one is met in tests/docker.
"""

import json
import sys

import pytest

from airnub_cli.images.docker_engine import DockerBases, DockerEngine, EngineError, as_written

PYTHON, DIGEST, OTHER = "python:3.13-slim", f"sha256:{'a' * 64}", f"sha256:{'b' * 64}"


@pytest.fixture
def docker(tmp_path, monkeypatch):
    """A command that knows what a registry has, and what this machine has; and writes down what it was asked."""

    def make(*, registry=None, here=None):
        script = tmp_path / "docker"
        answers = {"buildx": json.dumps(registry) if registry else None, "image": json.dumps(here) if here else None}
        script.write_text(
            f"#!{sys.executable}\nimport sys\n"
            f"open({str(tmp_path / 'asked')!r}, 'a').write(sys.argv[1] + '\\n')\n"
            f"said = {answers!r}[sys.argv[1]]\nprint(said) if said else sys.exit('no such thing')\n"
        )
        script.chmod(0o755)
        monkeypatch.setenv("PATH", str(tmp_path))
        return lambda: (tmp_path / "asked").read_text().split() if (tmp_path / "asked").exists() else []

    return make


def test_the_registry_says_it_for_everybody(docker):
    """It is asked once, and before this machine, whose image may be an old one; that content is built on."""
    asked = docker(registry=DIGEST, here={"id": "sha256:1", "digests": [f"python@{OTHER}"]})
    bases = DockerBases(registry=True)
    assert bases(PYTHON) == bases(PYTHON)
    assert (bases(PYTHON).identity, bases(PYTHON).pinned) == (DIGEST, f"{PYTHON}@{DIGEST}")
    assert asked() == ["buildx"]
    assert bases.doubts == []


@pytest.mark.parametrize("registry", [True, False])
def test_else_this_machine_says_it(docker, registry):
    """From where it was pulled; it is asked first where images are local ones."""
    docker(here={"id": "sha256:1", "digests": [f"mirror.example/python@{OTHER}", f"python@{DIGEST}"]})
    for reference in (PYTHON, f"docker.io/library/{PYTHON}"):
        assert DockerBases(registry=registry)(reference).identity == DIGEST
    assert DockerBases(registry=registry)("mirror.example/python:3.13").identity == OTHER


def test_an_image_that_was_built_here_has_no_digest(docker):
    """Its id counts, so that another content is another image; and it is said that this holds on this machine alone."""
    docker(here={"id": "sha256:1", "digests": []})
    bases = DockerBases(registry=True)
    assert (bases(PYTHON).identity, bases(PYTHON).pinned) == (f"{PYTHON} sha256:1", PYTHON)
    [doubt] = bases.doubts
    assert "its local id is used instead" in doubt
    assert f"pin it as {PYTHON}@sha256:…" in doubt


def test_nobody_knows(docker, tmp_path, monkeypatch):
    """The name counts, with or without Docker."""
    docker()
    assert DockerBases(registry=True)(PYTHON).identity == PYTHON
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))
    bases = DockerBases(registry=True)
    assert bases(PYTHON).identity == PYTHON
    assert "its name is used instead" in bases.doubts[0]


def test_what_is_pinned_needs_nobody(docker):
    """And is the same as what its tag stands for."""
    asked = docker(registry=OTHER)
    base = DockerBases(registry=True)(f"{PYTHON}@{DIGEST}")
    assert base == as_written(f"{PYTHON}@{DIGEST}")
    assert (base.identity, base.pinned, base.doubt) == (DIGEST, f"{PYTHON}@{DIGEST}", None)
    assert asked() == []


@pytest.fixture
def docker_says(tmp_path, monkeypatch):
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


def test_labels(docker_says):
    """As the engine has them; an image without any has none."""
    assert docker_says('{"a": "1"}').labels("x") == {"a": "1"}
    assert docker_says("null").labels("x") == {}


def test_no_such_image(docker_says):
    """`None`, be it written in capitals or not."""
    assert docker_says(stderr="Error: No such image: x", status=1).labels("x") is None


def test_no_engine(docker_says):
    """Its own words are in the error."""
    with pytest.raises(EngineError, match=r"expected a Docker engine that answers, found: Cannot connect"):
        docker_says(stderr="Cannot connect to the Docker daemon", status=1).labels("x")


def test_no_docker_at_all(tmp_path, monkeypatch):
    """A machine without Docker is told so."""
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(EngineError, match="expected the command docker, found none"):
        DockerEngine(tmp_path).labels("x")


def test_what_a_registry_says(docker_says):
    """It has it, it has not, or it cannot be asked: three things."""
    assert docker_says("{}").pushed("r/x:1")
    assert not docker_says(stderr="manifest unknown", status=1).pushed("r/x:1")
    with pytest.raises(EngineError, match=r"expected an answer of the registry about r/x:1, found: unauthorized"):
        docker_says(stderr="unauthorized", status=1).pushed("r/x:1")


def test_a_build_that_fails(docker_says):
    """Which images, and the exit status."""
    with pytest.raises(EngineError, match=r"to build one, found exit status 3"):
        docker_says(status=3).bake({"target": {"one": {}}}, push=False)
