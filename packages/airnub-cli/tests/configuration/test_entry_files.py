# ruff: noqa: F811  # fixtures of another folder
"""Folders of YAML files, each of which describes one object."""

import pytest
from applied_repository import filled_repository, repository  # noqa: F401

from airnub_cli.configuration.entry_files import Diagnostics, Entry, read_entries
from airnub_cli.configuration.environment import Environment
from airnub_prefect.errors import ConfigurationError
from airnub_prefect.yaml_file import YamlFile

LOCAL = Environment("local", ("local", "production"), YamlFile("local.yaml"), None)


def read(repository, environment=LOCAL):
    mistakes = Diagnostics()
    found = [
        source.says.name
        for source in read_entries(Entry, repository.root / "things", environment, mistakes, ["common.yaml"])
    ]
    return found, [str(mistake).rpartition("/")[2] for mistake in mistakes.found]


def test_a_missing_folder_is_empty(repository):
    """Missing files are no mistake."""
    assert read(repository) == ([], [])


def test_files_of_other_environments_are_left_out(repository):
    """They are still validated."""
    repository.write("things/a.yaml", "name: a\n")
    repository.write("things/b.yaml", "name: b\nenvironments: [production]\n")
    repository.write("things/c.yaml", "name: c\nenvironments: [lokal]\n")
    repository.write("things/common.yaml", "anything: 1\n")
    found, mistakes = read(repository)
    assert found == ["a"]
    assert mistakes == ["c.yaml:2: expected one of the environments local, production, found 'lokal'"]


def test_every_mistake_of_every_file(repository):
    """A duplicate name, an unknown key, invalid YAML, and an ending that would be ignored."""
    repository.write("things/a.yaml", "name: a\n")
    repository.write("things/b.yaml", "name: a\n")
    repository.write("things/c.yaml", "nmae: c\n")
    repository.write("things/d.yaml", "name: [\n")
    repository.write("things/e.yml", "name: e\n")
    _, mistakes = read(repository)
    assert len(mistakes) == 5  # a missing key and an unknown one in c
    assert any(one.startswith("c.yaml:1: unknown key 'nmae'; did you mean 'name'?") for one in mistakes)
    assert any("e.yml: expected the ending .yaml" in one for one in mistakes)


def test_mistakes_are_sorted_by_file():
    """Without mistakes nothing is raised."""
    Diagnostics().raise_if_any()
    from airnub_prefect.errors import Diagnostic

    with pytest.raises(ConfigurationError, match=r"(?s)a:2.*b:1"):
        Diagnostics([Diagnostic("b", 1, "x"), Diagnostic("a", 2, "y"), Diagnostic("a", 2, "y")]).raise_if_any()


def test_objects_of_an_environment_are_in_those_that_extend_it(repository):
    """An extending environment is the base with changes."""
    repository.write("things/a.yaml", "name: a\nenvironments: [local]\n")
    sample = Environment("sample", ("local", "sample"), YamlFile("sample.yaml"), None, extends="local")
    assert read(repository, sample) == (["a"], [])
