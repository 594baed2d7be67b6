"""Typed Prefect events: those that start stages, and those that a department publishes.

    airnub.ingestion.ended    of airnub.ingestion.<department>         an ingestion has ended, also when items failed
    airnub.dataset.updated    of airnub.dataset.<department>.<name>    a dataset has a new version
    airnub.housekeeping.ended of airnub.housekeeping.<department>      what was removed, sizes, and how full disks are

Triggers expect the name and match the resource. Its label `airnub.within` is `pipeline` where the run is a part of
another one, which starts the next stage itself, else `stage`. An event can be lost, with the server or the process that
sends it; so what an event starts also has a schedule, and does all that is to be done, whatever the event names.
"""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Generic, TypeVar

from prefect.context import FlowRunContext
from prefect.events import emit_event
from pydantic import BaseModel

from airnub_core import Outcome, Status
from airnub_core.contracts.contract import ContractSchema, versioned

Payload = TypeVar("Payload", bound=BaseModel)

INGESTION_ENDED = "airnub.ingestion.ended"
DATASET_UPDATED = "airnub.dataset.updated"
HOUSEKEEPING_ENDED = "airnub.housekeeping.ended"
WITHIN = "airnub.within"
"""A label of the resource of each."""


class IngestionEnded(BaseModel):
    """What `airnub.ingestion.ended` says."""

    department: str
    new: list[str]
    """Sources that stored something new in this run."""
    failed: dict[str, int]
    """How many items failed, by source; those without a failure are left out."""
    behind: dict[str, str] | None
    """Datasets of the department that are not what their objects give, by this run or from before, each with what the
    next run would do; `None` where that could not be found out."""


class DatasetUpdated(BaseModel):
    """What `airnub.dataset.updated` says."""

    department: str
    dataset: str
    version: int | None
    """Of the table."""
    rows: int | None
    """Of the table now."""
    rows_read: int | None
    """Of all the objects that it is made of."""
    quarantined: int | None
    superseded: int | None


class HousekeepingEnded(BaseModel):
    """What `airnub.housekeeping.ended` says."""

    department: str
    dry_run: bool
    """Whether nothing was removed, and what is counted would be."""
    removed_files: int
    removed_bytes: int
    bytes: dict[str, int | None]
    """What each store, index and dataset takes; `null` where that is not known."""
    disk_used: dict[str, float]
    """The share of each file system that is taken, from 0 to 1, by a folder on it."""
    failed: dict[str, str]
    """What could not be cleaned up, and why."""


def emit_ingestion_ended(payload: IngestionEnded) -> None:
    """Send one at the end of an ingestion run."""
    _emit(INGESTION_ENDED, f"airnub.ingestion.{payload.department}", payload)


def emit_dataset_updated(payload: DatasetUpdated) -> None:
    """Send one behind the commit of a dataset."""
    _emit(DATASET_UPDATED, f"airnub.dataset.{payload.department}.{payload.dataset}", payload)


def emit_housekeeping_ended(payload: HousekeepingEnded) -> None:
    """Send one at the end of a housekeeping run, whether it fails or not."""
    _emit(HOUSEKEEPING_ENDED, f"airnub.housekeeping.{payload.department}", payload)


def is_within_pipeline() -> bool:
    """Whether the flow that runs is a part of another one in this process; `run_deployment` makes a run of its own."""
    context = FlowRunContext.get()
    run = None if context is None else context.flow_run
    return run is not None and run.parent_task_run_id is not None and run.deployment_id is None


def _emit(event: str, resource: str, payload: BaseModel) -> None:
    labels = {"prefect.resource.id": resource, WITHIN: "pipeline" if is_within_pipeline() else "stage"}
    emit_event(event, labels, payload=payload.model_dump(mode="json"))


_TYPES = {
    ("string", None): "string",
    ("string", "date"): "date",
    ("string", "date-time"): "datetime_us",
    ("boolean", None): "boolean",
    ("integer", None): "int64",
    ("number", None): "float64",
}
"""What JSON Schema calls a type, and its format, and what contracts call it."""


@dataclass(frozen=True, slots=True)
class EventType(Generic[Payload]):
    """Events of one kind: `SHIPPED = EventType("orders", "shipped", Shipped)`, then `SHIPPED.emit(Shipped(rows=3))`."""

    department: str
    name: str
    payload: type[Payload]
    version: int = 1
    """A second version is sent beside the first until nobody waits for that any more."""

    @property
    def event(self) -> str:
        """What triggers expect: `airnub.orders.shipped.v1`."""
        return f"airnub.{self.department}.{versioned(self.name, self.version)}"

    def emit(self, payload: Payload) -> None:
        """Send one; a run's own are related to it, its deployment and its tags by Prefect.

        Raises:
            TypeError: it has the payload of something else.
            ValidationError: a value does not fit, by whatever way it came into the payload.
        """
        if not isinstance(payload, self.payload):
            found = type(payload).__name__
            raise TypeError(f"{self.event}: expected a payload of type {self.payload.__name__}, found {found}")
        # What was set after it was made, or made without a look, has not been validated.
        checked = self.payload.model_validate(payload.model_dump(by_alias=True, warnings=False))
        resource = {"prefect.resource.id": f"airnub.{self.department}.{self.name}"}
        emit_event(self.event, resource, payload=checked.model_dump(mode="json", by_alias=True))

    def published(self) -> ContractSchema:
        """What others receive."""
        properties = self.payload.model_json_schema(mode="serialization").get("properties", {})
        fields = {name: _described(value) for name, value in properties.items()}
        return ContractSchema("event", self.name, self.version, fields)


def _described(value: Mapping[str, Any]) -> tuple[str, bool]:
    """The type of a field, and whether it may be null; what contracts have no word for is named as JSON Schema does."""
    kinds = list(_alternatives(value))
    some = sorted({name for name in kinds if name != "null"})
    return " or ".join(some) or "null", "null" in kinds


def _alternatives(value: Mapping[str, Any]) -> Iterator[str]:
    for one in value.get("anyOf", [value]):
        kind = one.get("type", "any")
        if kind == "array" and "items" in one:
            yield f"list({_described(one['items'])[0]})"
        else:
            yield _TYPES.get((kind, one.get("format")), kind)


DATASET_CHECKED = "airnub.dataset.checked"


class FoundByCheck(BaseModel):
    """What a check found, as `airnub.dataset.checked` says it."""

    name: str
    passed: bool
    on_fail: str
    """`block` or `warn`."""
    expected: str
    found: str
    value: float | None
    """The number that it judged, `null` where it judges none."""
    unit: str | None


class DatasetChecked(BaseModel):
    """What `airnub.dataset.checked` says."""

    department: str
    dataset: str
    version: int | None
    """The version that has these results; `null` where it was not committed."""
    passed: bool
    """Whether every check passed."""
    failed: list[str]
    """The names of those that did not."""
    checks: list[FoundByCheck]
    """In the order of the declaration."""


def emit_dataset_checked(department: str, outcome: Outcome) -> None:
    """Send what the checks of a dataset found: behind its commit, or where they forbade it.

    Of an unchanged or skipped dataset nothing is evaluated but freshness: it is sent where a check failed, as long as
    it does.
    """
    failed = [check.name for check in outcome.checks if not check.passed]
    if not outcome.checks or (outcome.kind in {Status.UNCHANGED, Status.SKIPPED} and not failed):
        return
    payload = DatasetChecked(
        department=department,
        dataset=outcome.source,
        version=outcome.version,
        passed=not failed,
        failed=failed,
        checks=[FoundByCheck.model_validate(asdict(check)) for check in outcome.checks],
    )
    _emit(DATASET_CHECKED, f"airnub.dataset.{department}.{outcome.source}", payload)
