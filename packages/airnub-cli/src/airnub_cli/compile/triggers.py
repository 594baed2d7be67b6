"""Triggers: what starts a deployment, strictly. Prefect drops a key of a trigger that it does not know, without a word.

The most dangerous typo of a deployment file is here: `exepct: […]` makes a trigger that every event fires.
"""

from datetime import timedelta
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, PositiveInt, StrictBool

_Name = Annotated[str, Field(min_length=1)]
_Events = Annotated[list[_Name], Field(min_length=1)]
_Labels = dict[str, _Name | list[_Name]]
_Duration = Annotated[timedelta, Field(ge=timedelta(0))]
_Metric = Annotated[timedelta, Field(ge=timedelta(minutes=5))]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Event(_Strict):
    """Events that are seen (`Reactive`), or that are missing (`Proactive`)."""

    type: Literal["event"]
    expect: _Events
    match: _Labels = {}
    match_related: _Labels | list[_Labels] = {}
    after: list[_Name] = []
    for_each: list[_Name] = []
    posture: Literal["Reactive", "Proactive"] = "Reactive"
    threshold: PositiveInt = 1
    within: _Duration = timedelta(0)


class MetricQuery(_Strict):
    """What is measured, and when it is too much or too little."""

    name: Literal["lateness", "duration", "successes"]
    threshold: float
    operator: Literal["<", "<=", ">", ">="]
    range: _Metric = timedelta(minutes=5)
    firing_for: _Metric = timedelta(minutes=5)


class Metric(_Strict):
    """A figure that Prefect Cloud measures."""

    type: Literal["metric"]
    metric: MetricQuery
    match: _Labels = {}
    match_related: _Labels | list[_Labels] = {}
    posture: Literal["Metric"] = "Metric"


class _Composite(_Strict):
    triggers: Annotated[list["Inner"], Field(min_length=1)]
    within: _Duration | None = None


class Compound(_Composite):
    """Several triggers, some number of which have fired."""

    type: Literal["compound"]
    require: PositiveInt | Literal["any", "all"]


class Sequence(_Composite):
    """Several triggers that have fired in this order."""

    type: Literal["sequence"]


Inner = Annotated[Event | Metric | Compound | Sequence, Field(discriminator="type")]


class _OfDeployment(_Strict):
    name: _Name
    enabled: StrictBool
    """Written out: what was switched off once must not come back by a key that is missing."""
    description: str = ""
    parameters: dict[str, Any] | None = None
    job_variables: dict[str, Any] | None = None
    schedule_after: _Duration = timedelta(0)


class EventTrigger(_OfDeployment, Event):
    """See `Event`."""


class MetricTrigger(_OfDeployment, Metric):
    """See `Metric`."""


class CompoundTrigger(_OfDeployment, Compound):
    """See `Compound`."""


class SequenceTrigger(_OfDeployment, Sequence):
    """See `Sequence`."""


Trigger = Annotated[EventTrigger | MetricTrigger | CompoundTrigger | SequenceTrigger, Field(discriminator="type")]

for _model in (Compound, Sequence, CompoundTrigger, SequenceTrigger):
    _model.model_rebuild()
