"""Placeholders."""

import pytest

from airnub_cli.compile.placeholders import unfilled, variables


def told(deployment, **environment):
    """Places and messages."""
    return list(unfilled(deployment, environment))


def test_what_the_environment_has_is_filled():
    """And what it has not, or has empty, would become nothing."""
    deployment = {"parameters": {"a": ["x-{{ $TAG }}"]}}
    assert told(deployment, TAG="1") == []
    message = "expected a value for {{ $TAG }}, found that TAG is not set in the environment"
    assert told(deployment) == told(deployment, TAG="") == [(("parameters", "a", 0), message)]


def test_variables_are_found_wherever_they_stand():
    """And no other placeholder is one."""
    assert variables([{"a": "{{ $A }}-{{$B}}", "b": ["{{ prefect.variables.c }}", 5]}]) == {"A", "B"}


@pytest.mark.parametrize(
    "deployment",
    [
        {"parameters": {"a": "{{ prefect.variables.a }}"}},
        {"work_pool": {"job_variables": {"a": "{{ prefect.blocks.secret.a }}"}}},
        {"work_pool": {"job_variables": {"image": "{{ build-image.image }}"}}},
        {"description": "{{ $A | upper }}"},
        {"description": "{% if a %}"},
        {"description": "{{ $A"},
        {"description": "{{ ctx.flow.name }}"},
        {"name": "a-{{ $A }}"},
        {"triggers": [{"job_variables": {"a": "{{ event.id }}"}}]},
    ],
)
def test_what_would_be_filled_wrongly_is_refused(deployment):
    """With nothing, in plain text, or not at all."""
    assert len(told(deployment, A="1")) == 1


@pytest.mark.parametrize(
    "deployment",
    [
        {"triggers": [{"parameters": {"a": "{{ event.payload.a }}"}}]},
        {"work_pool": {"job_variables": {"a": "{{ ctx.flow.name }}"}}},
        {"pull": [{"step": {"token": "{{ prefect.blocks.secret.a }}"}}]},
    ],
)
def test_what_is_filled_later_stays(deployment):
    """From the event, by the worker, or when the step runs."""
    assert told(deployment) == []
