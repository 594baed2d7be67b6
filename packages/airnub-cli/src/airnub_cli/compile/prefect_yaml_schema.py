"""The schema of a department's `prefect.yaml` and of the file of an environment, triggers included.

Prefect silently ignores nearly every unknown key, and fills in defaults for missing ones. These models are a strict
version of its format: unknown keys are mistakes, and the keys that Prefect would fill in are required. The most
dangerous typo is in a trigger: `exepct: […]` makes one that every event fires. `schedule` has the schedules.
"""

from datetime import timedelta
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, PositiveInt, StrictBool, ValidationInfo, field_validator

from airnub_cli.compile.schedule import Identifier, Schedule, Text
from airnub_core.strict_model import StrictModel

_Events = Annotated[list[Text], Field(min_length=1)]
_Labels = dict[str, Text | list[Text]]
_Duration = Annotated[timedelta, Field(ge=timedelta(0))]
_Metric = Annotated[timedelta, Field(ge=timedelta(minutes=5))]


class Event(StrictModel):
    """A trigger for events that occur (`Reactive`), or fail to occur (`Proactive`)."""

    type: Literal["event"]
    expect: _Events
    match: _Labels = {}
    match_related: _Labels | list[_Labels] = {}
    after: list[Text] = []
    for_each: list[Text] = []
    posture: Literal["Reactive", "Proactive"] = "Reactive"
    threshold: PositiveInt = 1
    within: _Duration = timedelta(0)


class MetricQuery(StrictModel):
    """A metric with its threshold."""

    name: Literal["lateness", "duration", "successes"]
    threshold: float
    operator: Literal["<", "<=", ">", ">="]
    range: _Metric = timedelta(minutes=5)
    firing_for: _Metric = timedelta(minutes=5)


class Metric(StrictModel):
    """A trigger on a metric of Prefect Cloud."""

    type: Literal["metric"]
    metric: MetricQuery
    match: _Labels = {}
    match_related: _Labels | list[_Labels] = {}
    posture: Literal["Metric"] = "Metric"


class _Composite(StrictModel):
    triggers: Annotated[list["Inner"], Field(min_length=1)]
    within: _Duration | None = None


class Compound(_Composite):
    """A compound trigger that fires once the required number of its triggers have fired."""

    type: Literal["compound"]
    require: PositiveInt | Literal["any", "all"]


class Sequence(_Composite):
    """A compound trigger that fires once its triggers have fired in this order."""

    type: Literal["sequence"]


Inner = Annotated[Event | Metric | Compound | Sequence, Field(discriminator="type")]


class _OfDeployment(StrictModel):
    name: Text
    enabled: StrictBool
    """Required: without the key, a deploy would re-enable an automation that was switched off."""
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


Step = Annotated[dict[str, dict[str, Any]], Field(min_length=1, max_length=1)]


class _DeploymentModel(StrictModel):
    model_config = ConfigDict(populate_by_name=True)


GUARD = "airnub_prefect.steps.require_environment"

_NOT_HERE = {
    "build": "images are built by `airnub images`, before anything is deployed",
    "push": "images are pushed by `airnub images`, before anything is deployed",
    "version": "it is the digest of the image, and `airnub compile --env` writes it",
    "version_type": "the version is the digest of the image, and `airnub compile --env` writes it",
    "schedule": "Prefect 3 reads a list under `schedules`",
    "flow_name": "it is the name of the flow that the entrypoint leads to",
    "sla": "only Prefect Cloud knows it",
}
"""Keys of Prefect's format that are not allowed here, with the reason for the error message."""


def _refuse(_value: object, info: ValidationInfo) -> None:
    raise ValueError(f"expected no such key: {_NOT_HERE[str(info.field_name)]}")


class WorkPool(_DeploymentModel):
    """The work pool of the runs."""

    name: Identifier
    work_queue_name: Text | None = None
    job_variables: dict[str, Any] = {}


class ConcurrencyLimit(_DeploymentModel):
    """The concurrency limit of the deployment, and what happens to runs above it."""

    limit: PositiveInt
    collision_strategy: Literal["ENQUEUE", "CANCEL_NEW"] = "ENQUEUE"
    grace_period_seconds: Annotated[int, Field(ge=60, le=86_400)] | None = None


class Deployment(_DeploymentModel):
    """One deployment."""

    name: Identifier
    """Unique in the whole repository, since triggers and people refer to deployments by name."""
    description: Text
    entrypoint: Text
    tags: list[Text] = []
    parameters: dict[str, Any] = {}
    work_pool: WorkPool
    pull: list[Step] | None = None
    schedules: list[Schedule] = []
    concurrency_limit: ConcurrencyLimit | None = None
    triggers: list[Trigger] = []
    paused: StrictBool | None = None
    enforce_parameter_schema: Literal[True] = True
    version: None = None
    version_type: None = None
    build: None = None
    push: None = None
    schedule: None = None
    flow_name: None = None
    sla: None = None

    _no_such_key = field_validator(*_NOT_HERE, mode="before")(_refuse)


class RequiredNames(_DeploymentModel):
    """Arguments of `airnub_prefect.steps.require_environment`."""

    names: Annotated[list[Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]], Field(min_length=1)]


class Guard(_DeploymentModel):
    """The only `build` step, which fails for unset variables: Prefect would replace them by nothing."""

    required: RequiredNames = Field(alias=GUARD)


class DeploymentFile(_DeploymentModel):
    """A department's `prefect.yaml`."""

    name: Text | None = None
    prefect_version: Text | None = Field(default=None, alias="prefect-version")
    definitions: dict[str, Any] = {}
    """For anchors; ignored by Prefect."""
    pull: list[Step] | None = None
    deployments: Annotated[list[Deployment], Field(min_length=1)]
    build: Annotated[list[Guard], Field(max_length=1)] = []
    push: None = None

    _no_such_key = field_validator("push", mode="before")(_refuse)
