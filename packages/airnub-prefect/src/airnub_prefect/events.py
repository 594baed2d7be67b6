"""Typed Prefect events: events that start stages, and events that a department publishes.

    airnub.ingestion.ended    of airnub.ingestion.<department>         an ingestion has ended, also when items failed
    airnub.dataset.updated    of airnub.dataset.<department>.<name>    a dataset has a new version
    airnub.dataset.checked    of airnub.dataset.<department>.<name>    results of the checks of a dataset
    airnub.housekeeping.ended of airnub.housekeeping.<department>      removed files, sizes, and disk usage

Triggers expect the name and match the resource. Its label `airnub.within` is `pipeline` if the run is a subflow, whose
parent starts the next stage, else `stage`. An event can be lost with the server or the sending process. So a deployment
that an event starts also has a schedule, and processes everything that is due, not only what the event names.
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
"""A label of the resource of each event listed above; `EventType.emit` does not set it."""


class IngestionEnded(BaseModel):
    """Payload of `airnub.ingestion.ended`."""

    department: str
    new: list[str]
    """Sources that stored something new in this run."""
    failed: dict[str, int]
    """Number of failed items by source; sources without a failure are left out."""
    behind: dict[str, str] | None
    """Stale datasets of the department, because of this run or an earlier one, each with what the next run would do;
    `None` if they could not be determined."""


class DatasetUpdated(BaseModel):
    """Payload of `airnub.dataset.updated`."""

    department: str
    dataset: str
    version: int | None
    """Version of the table."""
    rows: int | None
    """Rows of the table in this version."""
    rows_read: int | None
    """Rows of all objects that it is made from."""
    quarantined: int | None
    superseded: int | None


class HousekeepingEnded(BaseModel):
    """Payload of `airnub.housekeeping.ended`."""

    department: str
    dry_run: bool
    """Whether files were only counted, and not removed."""
    removed_files: int
    removed_bytes: int
    bytes: dict[str, int | None]
    """Disk usage of each store, index and dataset; `null` where it is not known."""
    disk_used: dict[str, float]
    """Used share of each file system, from 0 to 1, by a folder on it."""
    failed: dict[str, str]
    """The reason for each place that could not be cleaned up."""


def emit_ingestion_ended(payload: IngestionEnded) -> None:
    """Send `airnub.ingestion.ended`, at the end of an ingestion run."""
    _emit(INGESTION_ENDED, f"airnub.ingestion.{payload.department}", payload)


def emit_dataset_updated(payload: DatasetUpdated) -> None:
    """Send `airnub.dataset.updated`, after the commit of a dataset."""
    _emit(DATASET_UPDATED, f"airnub.dataset.{payload.department}.{payload.dataset}", payload)


def emit_housekeeping_ended(payload: HousekeepingEnded) -> None:
    """Send `airnub.housekeeping.ended`, at the end of a housekeeping run, even if it fails."""
    _emit(HOUSEKEEPING_ENDED, f"airnub.housekeeping.{payload.department}", payload)


def is_within_pipeline() -> bool:
    """Whether the current flow run is a subflow in this process; a run of `run_deployment` is not."""
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
"""The contract type of each type and format of JSON Schema."""


@dataclass(frozen=True, slots=True)
class EventType(Generic[Payload]):
    """An event that a department publishes.

    `SHIPPED = EventType("orders", "shipped", Shipped)`, then `SHIPPED.emit(Shipped(rows=3))`.
    """

    department: str
    name: str
    payload: type[Payload]
    version: int = 1
    """A second version is sent beside the first until no department depends on the first."""

    @property
    def event(self) -> str:
        """The name that triggers expect: `airnub.orders.shipped.v1`."""
        return f"airnub.{self.department}.{versioned(self.name, self.version)}"

    def emit(self, payload: Payload) -> None:
        """Send an event; Prefect relates it to the current run, its deployment and its tags.

        Raises:
            TypeError: `payload` has a different type.
            ValidationError: a value of the payload is invalid.
        """
        if not isinstance(payload, self.payload):
            found = type(payload).__name__
            raise TypeError(f"{self.event}: expected a payload of type {self.payload.__name__}, found {found}")
        # Values that were assigned later, or set by `model_construct`, have not been validated.
        checked = self.payload.model_validate(payload.model_dump(by_alias=True, warnings=False))
        resource = {"prefect.resource.id": f"airnub.{self.department}.{self.name}"}
        emit_event(self.event, resource, payload=checked.model_dump(mode="json", by_alias=True))

    def published(self) -> ContractSchema:
        """The contract schema of the event, for other departments."""
        properties = self.payload.model_json_schema(mode="serialization").get("properties", {})
        fields = {name: _described(value) for name, value in properties.items()}
        return ContractSchema("event", self.name, self.version, fields)


def _described(value: Mapping[str, Any]) -> tuple[str, bool]:
    """The contract type of a field, and whether it may be null; other types have their name in JSON Schema."""
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
    """The result of a check in `airnub.dataset.checked`."""

    name: str
    passed: bool
    on_fail: str
    """`block` or `warn`."""
    expected: str
    found: str
    value: float | None
    """The measured number, `null` if the check measures none."""
    unit: str | None


class DatasetChecked(BaseModel):
    """Payload of `airnub.dataset.checked`."""

    department: str
    dataset: str
    version: int | None
    """The version with these results; `null` if it was not committed."""
    passed: bool
    """Whether every check passed."""
    failed: list[str]
    """Names of the failed checks."""
    checks: list[FoundByCheck]
    """In the order of the declaration."""


def emit_dataset_checked(department: str, outcome: Outcome) -> None:
    """Send `airnub.dataset.checked`, after the commit of a dataset or after a check prevented it.

    For an unchanged or skipped dataset, of which only freshness is evaluated, it is sent in each run in which a check
    fails.
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
