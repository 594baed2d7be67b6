"""Environments."""

import pytest
from pydantic import ValidationError

from airnub_cli.configuration.environment import EnvironmentFile, environments, load_environment, read_environment
from airnub_prefect.errors import ConfigurationError
from airnub_prefect.yaml_file import read_yaml


@pytest.fixture
def write(tmp_path):
    """A file of a checkout."""

    def to(path, text):
        file = tmp_path / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        return file

    return to


def test_local_needs_no_file(tmp_path, write):
    """It is there all the same, and changes nothing."""
    assert environments(tmp_path) == ["local"]
    file = read_yaml(write("a.yaml", "x: 1\n"))
    environment = read_environment(tmp_path, "local")
    assert environment.over(file, "variables", "a", "b") is file
    assert load_environment(tmp_path, "local").kind is None


def test_an_environment_is_known_by_its_file(tmp_path, write):
    """An unknown one is told with the nearest, and all that there are."""
    write("configs/environments/production.yaml", "description: x\nregistry: registry.example.org/house\n")
    assert environments(tmp_path) == ["local", "production"]
    assert load_environment(tmp_path, "production").registry == "registry.example.org/house"
    for read in (load_environment, read_environment):
        with pytest.raises(ConfigurationError, match="local, production, found 'prodution'; did you mean 'production'"):
            read(tmp_path, "prodution")


def test_its_mistakes_have_lines(tmp_path, write):
    """All of them, also those of its text; one reader gives them beside what it could read, the other raises them."""
    text = "kind: dokcer\nschedules: {a: 1}\nlimits: {a: 0}\nvaribles: {}\nkind: docker\n"
    write("configs/environments/far.yaml", text)
    with pytest.raises(ConfigurationError) as error:
        load_environment(tmp_path, "far")
    assert [mistake.line for mistake in error.value.mistakes] == [1, 1, 2, 2, 3, 4, 5]
    environment = read_environment(tmp_path, "far")
    assert environment.says is None
    assert environment.changes("limits", "a") == 0


@pytest.mark.parametrize("registry", ["https://example.org", "example.org/", "Example.org/a", "example.org/a b", ""])
def test_a_registry_is_what_docker_takes(registry):
    """No scheme, no slash at the end, lower case."""
    with pytest.raises(ValidationError, match="registry"):
        EnvironmentFile(description="x", registry=registry)


def test_what_it_changes_must_be_there(tmp_path, write):
    """Else it would be laid over nothing; told with the nearest name."""
    write("configs/environments/far.yaml", "description: x\nvariables:\n  shpo: {}\n")
    [mistake] = read_environment(tmp_path, "far").check_names("variables", ["shop"])
    assert (mistake.line, mistake.message) == (3, "unknown 'variables.shpo'; did you mean 'shop'?")


def test_a_mistake_is_told_where_it_is_written(tmp_path, write):
    """In the base file or in the environment's, with the line there."""
    write(
        "configs/environments/local.yaml",
        "description: x\nvariables:\n  a:\n    b:\n      two: {deep: 5}\n      list: [1]\n",
    )
    file = read_yaml(write("base.yaml", "one: 1\ntwo: {deep: 2, other: 3}\nlist:\n  - 1\n  - 2\n"))
    over = read_environment(tmp_path, "local").over(file, "variables", "a", "b")
    assert over.value == {"one": 1, "two": {"deep": 5, "other": 3}, "list": [1]}
    places = [("one",), ("two", "deep"), ("two", "other"), ("list", 0), ("gone",)]
    told = [over.mistake(place, "wrong") for place in places]
    assert [(one.where.rpartition("/")[2], one.line) for one in told] == [
        ("base.yaml", 1), ("local.yaml", 5), ("base.yaml", 2), ("local.yaml", 6), ("base.yaml", 1)
    ]  # fmt: skip
