"""Where a stage's settings come from."""

import asyncio
from uuid import uuid4

import pytest
from department_for_tests.settings import CountingSettings, IngestionSettings

from airnub_core import ApiSource, Auth
from airnub_prefect import settings as settings_module
from airnub_prefect.errors import ConfigurationError


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    """A checkout with no settings in it."""
    monkeypatch.setattr(settings_module, "checkout", lambda: tmp_path)
    return tmp_path


@pytest.fixture
def kind():
    """Settings of a stage that no other test has, since all processes of a test session share the server."""

    class Settings(CountingSettings, department="of_tests", stage=f"stage_{uuid4().hex}"):
        pass

    return Settings


@pytest.fixture
def in_yaml(checkout, kind):
    """Write the settings of the stage into the checkout."""

    def write(text):
        path = checkout / kind.yaml_name()
        path.parent.mkdir(parents=True)
        path.write_text(text)
        return path

    return write


@pytest.fixture
def in_variable(prefect_api, kind):
    """Set the Variable of the stage."""
    from prefect.variables import Variable

    return lambda value: Variable.set(kind.variable(), value)


def resolved(kind, given=None):
    """The settings."""
    from airnub_prefect.settings_resolution import resolve

    return asyncio.run(resolve(kind, given))


def test_the_parameter_comes_first(in_variable, in_yaml, kind):
    """A parameter is taken as it is, whatever else there is."""
    in_variable({"tasks": 2})
    in_yaml("tasks: 3")
    assert resolved(kind, kind(tasks=4)).tasks == 4


def test_the_variable_comes_before_the_file(in_variable, in_yaml, kind):
    """The Variable on the server is what operators change."""
    in_variable({"tasks": 2})
    in_yaml("tasks: 3")
    assert resolved(kind).tasks == 2


def test_an_empty_variable_is_a_variable(in_variable, in_yaml, kind):
    """Settings that are all optional may be an empty mapping."""
    in_variable({})
    in_yaml("tasks: 3")
    assert resolved(kind).tasks == 1


@pytest.mark.parametrize("value", ["text", [1], 5, True])
def test_a_variable_that_is_no_mapping(in_variable, value, kind):
    """The message names the Variable, and what it should have been."""
    in_variable(value)
    with pytest.raises(ConfigurationError, match=rf"^Variable {kind.variable()}: expected a mapping, found "):
        resolved(kind)


def test_every_mistake_of_a_variable(in_variable, kind):
    """All of them are named at once, by their place."""
    in_variable({"task": 1, "ending": "bad"})
    with pytest.raises(ConfigurationError) as error:
        resolved(kind)
    assert [mistake.message for mistake in error.value.mistakes] == [
        "ending: expected 'well', 'failed', 'broken', 'chatty' or 'silent', found 'bad'",
        "unknown key 'task'; did you mean 'tasks'?",
    ]


def test_the_file_of_the_checkout(prefect_api, in_yaml, kind):
    """Without a Variable it is the file that the Variable is made from."""
    path = in_yaml("tasks: 3\n")
    assert resolved(kind).tasks == 3
    path.write_text("tasks: many\n")
    with pytest.raises(ConfigurationError, match=r"yaml:1: tasks: expected a valid integer, found 'many'"):
        resolved(kind)


def test_nothing_found_names_both_places(prefect_api, checkout, kind):
    """It never runs on with nothing: both places are named, and the command that mends it."""
    with pytest.raises(ConfigurationError) as error:
        resolved(kind)
    message = str(error.value)
    assert f"Variable {kind.variable()} on {prefect_api}" in message
    assert f"configs/variables/of_tests/{kind.stage}.yaml" in message
    assert f"uv run of-tests run {kind.stage} --config FILE" in message


def test_a_missing_secret_of_the_index_is_named_before_anything_is_done(prefect_api, monkeypatch):
    """It stops the stage at once, not when half of it is done; that of a source does not."""
    auth = Auth(block="secret/of-no-source")
    given = IngestionSettings(
        store="x", index={"block": "secret/of-no-index"}, apis=[ApiSource(name="a", url="http://a/", auth=auth)]
    )
    with pytest.raises(
        ConfigurationError, match=r"secret/of-no-index \(or AIRNUB_SECRET_OF_NO_INDEX in the environment"
    ):
        resolved(IngestionSettings, given)
    monkeypatch.setenv("AIRNUB_SECRET_OF_NO_INDEX", "postgresql://h/d")
    assert resolved(IngestionSettings, given) is given
