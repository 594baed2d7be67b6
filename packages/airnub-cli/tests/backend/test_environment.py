"""Environments."""

import pytest

from airnub_cli.backend.environment import read_environment
from airnub_prefect.errors import ConfigurationError
from airnub_prefect.yaml_file import read_yaml


def test_local_needs_no_file(repository):
    """It changes nothing then."""
    environment = read_environment(repository.root, "local", {})
    file = read_yaml(repository.write("a.yaml", "x: 1\n"))
    assert environment.over(file, "variables", "a", "b") is file
    assert environment.pool_type is None


def test_an_unknown_one(repository):
    """The nearest is named, and all there are."""
    repository.write("configs/environments/production.yaml", "description: x\nkind: docker\n")
    with pytest.raises(ConfigurationError, match="local, production, found 'prodution'; did you mean 'production'"):
        read_environment(repository.root, "prodution", {})


def test_mistakes_in_its_file(repository):
    """Keys, the type of pools, and placeholders, each with its line."""
    text = "description: x\nkind: dcoker\nvaribles: {}\nvariables:\n  a:\n    b: {url: '${SITE}'}\n"
    repository.write("configs/environments/staging.yaml", text)
    mistakes = read_environment(repository.root, "staging", {}).mistakes
    assert sorted(mistake.line for mistake in mistakes) == [2, 3, 6]
    assert any("did you mean 'variables'" in str(mistake) for mistake in mistakes)
    assert "expected SITE in the environment" in str(mistakes[-1])


def test_a_mistake_is_told_where_it_is_written(repository):
    """In the base file or in the environment's, with the line there."""
    repository.write(
        "configs/environments/local.yaml",
        "description: x\nvariables:\n  a:\n    b:\n      two: {deep: 5}\n      list: [1]\n",
    )
    file = read_yaml(repository.write("base.yaml", "one: 1\ntwo: {deep: 2, other: 3}\nlist:\n  - 1\n  - 2\n"))
    over = read_environment(repository.root, "local", {}).over(file, "variables", "a", "b")
    assert over.value == {"one": 1, "two": {"deep": 5, "other": 3}, "list": [1]}
    places = [("one",), ("two", "deep"), ("two", "other"), ("list", 0), ("gone",)]
    told = [over.mistake(place, "wrong") for place in places]
    assert [(one.where.rpartition("/")[2], one.line) for one in told] == [
        ("base.yaml", 1), ("local.yaml", 5), ("base.yaml", 2), ("local.yaml", 6), ("base.yaml", 1)
    ]  # fmt: skip
