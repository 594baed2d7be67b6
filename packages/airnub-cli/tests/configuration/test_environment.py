# ruff: noqa: F811  # fixtures of another folder
"""Environments, and their placeholders."""

import pytest
from applied_repository import repository  # noqa: F401
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from airnub_cli.configuration.environment import (
    EnvironmentFile,
    environment_file,
    environments,
    filled_environment,
    load_environment,
    overlay,
    read_environment,
    said_of_sources,
)
from airnub_prefect.errors import ConfigurationError
from airnub_prefect.yaml_file import read_yaml


@pytest.fixture
def write(tmp_path):
    """Write a file of a checkout."""

    def to(path, text):
        file = tmp_path / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        return file

    return to


def test_local_needs_no_file(tmp_path, write):
    """It exists without one, and overrides nothing."""
    assert environments(tmp_path) == ["local"]
    file = read_yaml(write("a.yaml", "x: 1\n"))
    environment = read_environment(tmp_path, "local")
    assert environment.over(file, "variables", "a", "b") is file
    assert load_environment(tmp_path, "local").kind is None


def test_an_environment_is_known_by_its_file(tmp_path, write):
    """For an unknown one, the error has the nearest and all names."""
    write("configs/environments/production.yaml", "description: x\nregistry: registry.example.org/house\n")
    assert environments(tmp_path) == ["local", "production"]
    assert load_environment(tmp_path, "production").registry == "registry.example.org/house"
    for read in (load_environment, read_environment):
        with pytest.raises(ConfigurationError, match="local, production, found 'prodution'; did you mean 'production'"):
            read(tmp_path, "prodution")


@pytest.mark.parametrize("kind", ["folder", "broken link"])
def test_an_environment_that_is_no_file(tmp_path, write, kind):
    """It is reported; taken as one without overrides, `apply` replaced the sources on the server."""
    write("configs/environments/far.yaml", "description: There.\nextends: sample\n")
    path = environment_file(tmp_path, "sample")
    if kind == "folder":
        path.mkdir()
    else:
        path.symlink_to("nowhere")
    found = "Is a directory" if kind == "folder" else "No such file or directory"
    for name in ("sample", "far"):
        with pytest.raises(ConfigurationError, match=rf"sample\.yaml: expected a YAML file in UTF-8, found: {found}"):
            read_environment(tmp_path, name)


def test_its_mistakes_have_lines(tmp_path, write):
    """All of them, including invalid YAML; one reader returns them with the rest, the other raises them."""
    text = "kind: dokcer\nschedules: {a: 1}\nlimits: {a: 0}\nvaribles: {}\nkind: docker\n"
    write("configs/environments/far.yaml", text)
    with pytest.raises(ConfigurationError) as error:
        load_environment(tmp_path, "far")
    assert [mistake.line for mistake in error.value.mistakes] == [1, 1, 2, 2, 3, 4, 5]
    environment = read_environment(tmp_path, "far")
    assert environment.says is None
    assert environment.changes("limits", "a") == 0


@pytest.mark.parametrize("registry", ["https://example.org", "example.org/", "Example.org/a", "example.org/a b", ""])
def test_a_registry_is_what_docker_accepts(registry):
    """No scheme, no trailing slash, lower case."""
    with pytest.raises(ValidationError, match="registry"):
        EnvironmentFile(description="x", registry=registry)


def test_overridden_files_must_exist(tmp_path, write):
    """Otherwise overrides would have no effect; the mistake has the nearest name."""
    write("configs/environments/far.yaml", "description: x\nvariables:\n  shpo: {}\n")
    [mistake] = read_environment(tmp_path, "far").check_names("variables", ["shop"])
    assert (mistake.line, mistake.message) == (3, "unknown 'variables.shpo'; did you mean 'shop'?")


def test_a_mistake_has_the_line_where_it_is_written(tmp_path, write):
    """In the base file or in the environment's."""
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


LOCAL = "description: Here.\nkind: docker\nlimits: {x: 2}\nvariables:\n  shop:\n    ingestion: {depth: 1}\n"
SAMPLE = "description: Sample.\nextends: local\nvariables:\n  shop:\n    ingestion: {files: [{name: a}]}\n"


def test_an_environment_that_extends_another_has_all_of_it(tmp_path, write):
    """Its own values are merged over the base's; it counts where the base is named."""
    write("configs/environments/local.yaml", LOCAL)
    write("configs/environments/sample.yaml", SAMPLE)
    says = load_environment(tmp_path, "sample")
    assert (says.description, says.kind, says.limits) == ("Sample.", "docker", {"x": 2})
    assert says.variables == {"shop": {"ingestion": {"depth": 1, "files": [{"name": "a"}]}}}
    sample, local = (read_environment(tmp_path, name) for name in ("sample", "local"))
    assert sample.is_one_of(["local"])
    assert sample.is_one_of(["sample"])
    assert not local.is_one_of(["sample"])


def test_local_without_a_file_can_be_extended(tmp_path, write):
    """It has no overrides."""
    write("configs/environments/sample.yaml", SAMPLE)
    assert load_environment(tmp_path, "sample").kind is None
    assert read_environment(tmp_path, "sample").is_one_of(["local"])


def test_mistakes_of_two_environments_have_their_own_lines(tmp_path, write):
    """In the extended one or the other, also those of a file with both merged over it."""
    write("configs/environments/local.yaml", LOCAL.replace("{x: 2}", "{x: 0}"))
    write("configs/environments/sample.yaml", SAMPLE.replace("extends", "kinds: 1\nextends"))
    with pytest.raises(ConfigurationError) as error:
        load_environment(tmp_path, "sample")
    told = {(one.where.rpartition("/")[2], one.line) for one in error.value.mistakes}
    assert told == {("local.yaml", 3), ("sample.yaml", 2)}
    file = read_yaml(write("base.yaml", "depth: 0\nfiles: []\nstore: x\n"))
    over = read_environment(tmp_path, "sample").over(file, "variables", "shop", "ingestion")
    assert over.value == {"depth": 1, "files": [{"name": "a"}], "store": "x"}
    places = [("depth",), ("files", 0, "name"), ("files", 0, "url"), ("store",)]
    told = [over.mistake(place, "wrong") for place in places]
    assert [(one.where.rpartition("/")[2], one.line) for one in told] == [
        ("local.yaml", 6), ("sample.yaml", 6), ("sample.yaml", 6), ("base.yaml", 3)
    ]  # fmt: skip


@pytest.mark.parametrize("name", ["nowhere", "sample", "staging"])
def test_an_extended_environment_must_exist_and_extend_none(tmp_path, write, name):
    """The mistake has its line; an environment cannot extend itself."""
    write("configs/environments/staging.yaml", "description: x\nextends: local\n")
    write("configs/environments/sample.yaml", SAMPLE.replace("extends: local", f"extends: {name}"))
    [mistake] = read_environment(tmp_path, "sample").mistakes
    assert mistake.line == 2
    assert f"extends: expected one of local, staging that extends none itself, found {name!r}" in mistake.message


def test_which_sources_are_replaced():
    """Lists of mappings with names, and empty ones; other settings are not sources."""
    says = EnvironmentFile(
        description="x",
        variables={
            "shop": {"ingestion": {"files": [{"name": "a", "urls": []}], "apis": [], "network": {"attempts": 1}}},
            "bank": {"ingestion": {"network": {"attempts": 1}, "hosts": ["a"], "index": None}},
        },
    )
    assert says.replaced_sources() == {"shop": ["apis", "files"]}


def test_the_line_about_sources():
    """It names the departments whose sources are replaced, at most five of them."""
    assert said_of_sources("local", {}) == "sources: each department's own"
    assert said_of_sources("sample", ["b", "a"]) == (
        "sources: replaced by the environment sample for a, b; local has each department's own"
    )
    assert " for a, b, c, d, e and 2 more; " in said_of_sources("sample", list("abcdefg"))


TEXT = "description: x\nvariables:\n  a:\n    b: {url: '${SITE}'}\n"


def test_placeholders_are_filled_in_overrides(repository):
    """And nowhere else."""
    repository.write("configs/environments/staging.yaml", TEXT)
    environment = filled_environment(repository.root, "staging", {"SITE": "http://site"})
    assert environment.mistakes == []
    assert environment.changes("variables", "a", "b", "url") == "http://site"


def test_a_placeholder_without_a_value_has_its_line(repository):
    """With what to do."""
    repository.write("configs/environments/staging.yaml", TEXT)
    [mistake] = filled_environment(repository.root, "staging", {}).mistakes
    assert mistake.line == 4
    assert "expected SITE in the environment or in .env, found nothing; or write ${SITE:-default}" in str(mistake)


def test_local_is_filled_without_a_file(repository):
    """There is nothing to fill."""
    environment = filled_environment(repository.root, "local", {})
    assert (environment.changes("variables"), environment.mistakes) == (None, [])


def test_placeholders_of_the_base_are_filled_too(repository):
    """Missing values have the line of the file with the placeholder."""
    repository.write("configs/environments/staging.yaml", TEXT)
    repository.write("configs/environments/far.yaml", "description: y\nextends: staging\nvariables: {a: {c: {d: 1}}}\n")
    environment = filled_environment(repository.root, "far", {"SITE": "http://site"})
    assert environment.changes("variables", "a") == {"b": {"url": "http://site"}, "c": {"d": 1}}
    [mistake] = filled_environment(repository.root, "far", {}).mistakes
    assert (mistake.where.rpartition("/")[2], mistake.line) == ("staging.yaml", 4)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


def test_mappings_are_merged_and_all_else_is_replaced():
    """Other keys are kept; a list is replaced as a whole."""
    base = {"network": {"connections": 4, "attempts": 2}, "urls": ["a", "b"], "store": "data"}
    changes = {"network": {"attempts": 9}, "urls": ["c"]}
    assert overlay(base, changes) == {"network": {"connections": 4, "attempts": 9}, "urls": ["c"], "store": "data"}


def test_null_removes_a_key():
    """So the default applies again; a missing key is no mistake."""
    assert overlay({"a": 1, "b": {"c": 2, "d": 3}}, {"a": None, "b": {"c": None}, "e": None}) == {"b": {"d": 3}}


def test_a_mapping_replaces_a_scalar():
    """There are no keys to keep, and `null` in it removes nothing."""
    assert overlay({"store": "data"}, {"store": {"block": "s3-bucket/x", "index": None}}) == {
        "store": {"block": "s3-bucket/x"}
    }


@given(VALUES)
def test_no_changes_change_nothing(base):
    """An empty mapping leaves a mapping unchanged."""
    if isinstance(base, dict):
        assert overlay(base, {}) == base


@given(VALUES, VALUES)
def test_a_merge_is_idempotent(base, changes):
    """The second merge changes nothing."""
    once = overlay(base, changes)
    assert overlay(once, changes) == once
