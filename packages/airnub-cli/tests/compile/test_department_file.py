"""Sources."""

from airnub_cli.compile.department_file import list_at, mapping_at, read_source, text_at
from airnub_cli.configuration.registry import load_registry


def test_a_department_has_its_file_and_its_names(house):
    """What it is called in Python, and everywhere else."""
    [registered] = load_registry(house.root).departments
    source = read_source(registered.id, registered, house.deployments)
    assert (source.department, source.command) == ("department_for_deploying", "department-for-deploying")
    assert source.is_compiled
    assert source.mistakes == []


def test_a_mistake_has_the_line_of_its_place(house):
    """And the place as it would be typed."""
    source = read_source("department_for_deploying", None, house.deployments)
    first, _ = source.entries()
    mistake = first.mistake("so and so", "schedules", 1, "slug")
    assert (mistake.line, mistake.message) == (11, "deployments.0.schedules.1.slug: so and so")


def test_values_of_another_type_are_as_good_as_missing():
    """What is wrong with them is told by the schema."""
    value = {"a": {"b": 5}, "c": "x"}
    assert text_at(value, "a", "b") is text_at(value, "c", "d") is text_at(None) is None
    assert list_at(value, "c") == list_at(5) == []
    assert mapping_at(value, "c") == {}
