"""Where a stage's settings come from."""

import asyncio

import pytest

from airnub_core import ApiSource
from airnub_core.sources.settings import Auth
from airnub_prefect import settings as settings_module
from airnub_prefect.errors import ConfigurationError
from airnub_prefect.settings import StageSettings
from department_for_tests.settings import CountingSettings, IngestionSettings


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    """A checkout with no settings in it."""
    monkeypatch.setattr(settings_module, "checkout", lambda: tmp_path)
    return tmp_path


@pytest.fixture
def in_yaml(checkout):
    """Write the settings of the counting stage into the checkout."""

    def write(text):
        path = checkout / CountingSettings.yaml_name()
        path.parent.mkdir(parents=True)
        path.write_text(text)
        return path

    return write


@pytest.fixture
def in_variable(prefect_api):
    """Set the Variable of the counting stage."""
    from prefect.variables import Variable

    name = CountingSettings.variable()
    yield lambda value: Variable.set(name, value, overwrite=True)
    Variable.unset(name)


def resolved(kind, given=None):
    """The settings."""
    from airnub_prefect.resolution import resolve

    return asyncio.run(resolve(kind, given))


# One worker for those that set the one Variable: the server is for all of them.
pytestmark = pytest.mark.xdist_group("variable")


def test_the_parameter_comes_first(in_variable, in_yaml):
    """A parameter is taken as it is, whatever else there is."""
    in_variable({"tasks": 2})
    in_yaml("tasks: 3")
    assert resolved(CountingSettings, CountingSettings(tasks=4)).tasks == 4


def test_the_variable_comes_before_the_file(in_variable, in_yaml):
    """The Variable on the server is what operators change."""
    in_variable({"tasks": 2})
    in_yaml("tasks: 3")
    assert resolved(CountingSettings).tasks == 2


def test_an_empty_variable_is_a_variable(in_variable, in_yaml):
    """Settings that are all optional may be an empty mapping."""
    in_variable({})
    in_yaml("tasks: 3")
    assert resolved(CountingSettings).tasks == 1


@pytest.mark.parametrize("value", ["text", [1], 5, True])
def test_a_variable_that_is_no_mapping(in_variable, value):
    """The message names the Variable, and what it should have been."""
    in_variable(value)
    with pytest.raises(
        ConfigurationError, match=r"^Variable dept_department_for_tests_counting_config: expected a map"
    ):
        resolved(CountingSettings)


def test_every_mistake_of_a_variable(in_variable):
    """All of them are named at once, by their place."""
    in_variable({"task": 1, "ending": "bad"})
    with pytest.raises(ConfigurationError) as error:
        resolved(CountingSettings)
    assert [mistake.message for mistake in error.value.mistakes] == [
        "ending: expected 'well', 'failed', 'broken', 'chatty' or 'silent', found 'bad'",
        "unknown key 'task'; did you mean 'tasks'?",
    ]


class OfNobody(StageSettings, department="nobody", stage="at_all"):
    """Nobody sets its Variable."""

    tasks: int = 1


def test_the_file_of_the_checkout(prefect_api, checkout):
    """Without a Variable it is the file that the Variable is made from."""
    path = checkout / OfNobody.yaml_name()
    path.parent.mkdir(parents=True)
    path.write_text("tasks: 3\n")
    assert resolved(OfNobody).tasks == 3
    path.write_text("tasks: many\n")
    with pytest.raises(ConfigurationError, match=r"at_all\.yaml:1: tasks: expected a valid integer, found 'many'"):
        resolved(OfNobody)


def test_nothing_found_names_both_places(prefect_api, checkout):
    """It never runs on with nothing: both places are named, and the command that mends it."""
    with pytest.raises(ConfigurationError) as error:
        resolved(OfNobody)
    message = str(error.value)
    assert f"Variable dept_nobody_at_all_config on {prefect_api}" in message
    assert "configs/variables/nobody/at_all.yaml" in message
    assert "uv run nobody run at_all --config FILE" in message


def test_missing_secrets_are_named_before_anything_is_done(prefect_api, monkeypatch):
    """A source whose secret is nowhere stops the stage at once, not when half of it is done."""
    monkeypatch.delenv("AIRNUB_SECRET_OF_NOBODY", raising=False)
    auth = Auth(block="secret/of-nobody")
    given = IngestionSettings(store="x", apis=[ApiSource(name="a", url="http://a/", auth=auth)])
    with pytest.raises(ConfigurationError, match=r"secret/of-nobody \(or AIRNUB_SECRET_OF_NOBODY in the environment\)"):
        resolved(IngestionSettings, given)
    monkeypatch.setenv("AIRNUB_SECRET_OF_NOBODY", "hunter2")
    assert resolved(IngestionSettings, given) is given
