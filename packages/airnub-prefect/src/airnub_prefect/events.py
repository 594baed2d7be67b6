"""Events: what a department tells others as it happens, as a Prefect event whose payload is typed and versioned."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Generic, TypeVar

from prefect.events import emit_event
from pydantic import BaseModel

from airnub_core import Kind, Outcome
from airnub_core.published import Published, versioned

Payload = TypeVar("Payload", bound=BaseModel)

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

    def published(self) -> Published:
        """What others receive."""
        properties = self.payload.model_json_schema(mode="serialization").get("properties", {})
        fields = {name: _described(value) for name, value in properties.items()}
        return Published("event", self.name, self.version, fields)


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

    Of an unchanged dataset nothing is evaluated but freshness: it is sent where a check failed, as long as it does.
    """
    failed = [check.name for check in outcome.checks if not check.passed]
    if not outcome.checks or (outcome.kind is Kind.UNCHANGED and not failed):
        return
    payload = DatasetChecked(
        department=department,
        dataset=outcome.source,
        version=outcome.version,
        passed=not failed,
        failed=failed,
        checks=[FoundByCheck.model_validate(asdict(check)) for check in outcome.checks],
    )
    resource = {"prefect.resource.id": f"airnub.dataset.{department}.{outcome.source}"}
    emit_event(DATASET_CHECKED, resource, payload=payload.model_dump(mode="json"))
