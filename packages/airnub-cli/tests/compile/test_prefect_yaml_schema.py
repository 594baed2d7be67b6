"""Triggers.
What may stand in a deployment file.
"""

import pytest
from prefect.cli.deploy._models import (
    ConcurrencyLimitSpec,
    DeploymentConfig,
    PrefectYamlModel,
    WorkPoolConfig,
)
from prefect.events import (
    CompoundTrigger,
    DeploymentCompoundTrigger,
    DeploymentEventTrigger,
    DeploymentMetricTrigger,
    DeploymentSequenceTrigger,
    EventTrigger,
    MetricTrigger,
    SequenceTrigger,
)
from pydantic import TypeAdapter, ValidationError

from airnub_cli.compile import prefect_yaml_schema
from airnub_cli.compile.prefect_yaml_schema import ConcurrencyLimit, Deployment, DeploymentFile, WorkPool

PAIRS = [
    (prefect_yaml_schema.EventTrigger, DeploymentEventTrigger),
    (prefect_yaml_schema.MetricTrigger, DeploymentMetricTrigger),
    (prefect_yaml_schema.CompoundTrigger, DeploymentCompoundTrigger),
    (prefect_yaml_schema.SequenceTrigger, DeploymentSequenceTrigger),
    (prefect_yaml_schema.Event, EventTrigger),
    (prefect_yaml_schema.Metric, MetricTrigger),
    (prefect_yaml_schema.Compound, CompoundTrigger),
    (prefect_yaml_schema.Sequence, SequenceTrigger),
]
EVENT = {"type": "event", "expect": ["x"]}
OURS = {"name": "n", "enabled": True}


def read(trigger):
    """A trigger of a deployment."""
    return TypeAdapter(prefect_yaml_schema.Trigger).validate_python(trigger)


@pytest.mark.parametrize(("ours", "theirs"), PAIRS)
def test_keys_of_triggers_are_those_of_prefect(ours, theirs):
    """With a new version of Prefect, a key that came or went fails here."""
    assert set(ours.model_fields) == set(theirs.model_fields)


def test_triggers_that_prefect_takes():
    """Events, also inside of compound triggers and sequences."""
    read(EVENT | OURS)
    read({"type": "compound", "require": 2, "triggers": [EVENT, EVENT], "within": 60} | OURS)
    read({"type": "sequence", "triggers": [{"type": "compound", "require": "any", "triggers": [EVENT]}]} | OURS)


@pytest.mark.parametrize(
    ("trigger", "told"),
    [
        (EVENT | {"expect": []}, "expect\n  List should have at least 1 item"),
        (EVENT | {"expect": [""]}, "expect.0\n  String should have at least 1 character"),
        ({"type": "event", "exepct": ["x"]}, "exepct\n  Extra inputs"),
        ({"type": "evnt"}, "does not match any of the expected tags"),
        ({"expect": ["x"]}, "Unable to extract tag"),
        (
            {"type": "compound", "require": "all", "triggers": [{"type": "event"}]},
            "triggers.0.event.expect\n  Field req",
        ),
        ({"type": "compound", "require": "all", "triggers": [EVENT | {"whithin": 1}]}, "whithin\n  Extra inputs"),
        ({"type": "compound", "require": "some", "triggers": [EVENT]}, "require"),
        ({"type": "sequence", "triggers": []}, "triggers\n  List should have at least 1 item"),
    ],
)
def test_triggers_that_prefect_would_take_otherwise(trigger, told):
    """A typo never makes a trigger that every event fires."""
    with pytest.raises(ValidationError, match=told):
        read(trigger | OURS)


@pytest.mark.parametrize("missing", ["name", "enabled"])
def test_what_prefect_would_make_up_of_triggers_is_required(missing):
    """Automations have a name, and are switched on in writing."""
    with pytest.raises(ValidationError, match=f"{missing}\n  Field required"):
        read(EVENT | {key: value for key, value in OURS.items() if key != missing})


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (Deployment, DeploymentConfig),
        (DeploymentFile, PrefectYamlModel),
        (WorkPool, WorkPoolConfig),
        (ConcurrencyLimit, ConcurrencyLimitSpec),
    ],
)
def test_keys_are_those_of_prefect(ours, theirs):
    """With a new version of Prefect, a key that came or went fails here; it passes over `definitions`."""
    assert set(ours.model_fields) - {"definitions"} == set(theirs.model_fields)


@pytest.mark.parametrize("key", ["build", "push", "version", "schedule", "flow_name", "sla"])
def test_keys_that_have_no_place_here_say_why(key):
    """They are Prefect's, so they are not called unknown."""
    with pytest.raises(ValidationError, match=f"{key}\n  Value error, expected no such key: "):
        Deployment.model_validate({key: {"cron": "0 5 * * *"}})
