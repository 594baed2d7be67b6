"""Events with a payload that others can rely on."""

import time
from datetime import date, datetime
from typing import Literal

import pytest
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from airnub_core.contracts.contract import ContractSchema

WRITTEN_AT_ONCE = 500
"""Events that the embedded server collects before it writes them."""


class Shipped(BaseModel):
    model_config = ConfigDict(extra="forbid")

    day: date
    orders: int = Field(ge=0)
    carrier: str | None = None


class Everything(BaseModel):
    text: str
    word: Literal["a", "b"]
    number: float
    flag: bool
    at: AwareDatetime
    maybe: datetime | None
    many: list[str]
    rows: list[list[int]] | None
    things: list
    either: int | str


def event_type(payload=Shipped, **more):
    from airnub_prefect.events import EventType

    return EventType("orders", "shipped", payload, **more)


def received(event):
    """The events of that name which the server has, as soon as there is one."""
    from prefect.client.orchestration import get_client

    asked = {"filter": {"event": {"name": [event]}}}
    with get_client(sync_client=True) as client:
        for _ in range(300):
            if events := client.request("POST", "/events/filter", json=asked).json()["events"]:
                return events
            time.sleep(0.1)
    return []


def test_an_event_is_on_the_server_with_its_payload(prefect_api):
    """As JSON, under its versioned name; the run that sent it is related."""
    from prefect import flow

    shipped = event_type(version=7)

    @flow(name="of-tests-ships")
    def ship():
        for _ in range(WRITTEN_AT_ONCE):
            shipped.emit(Shipped(day=date(2018, 2, 7), orders=3))

    ship()
    event, *_ = received("airnub.orders.shipped.v7")
    assert event["payload"] == {"day": "2018-02-07", "orders": 3, "carrier": None}
    assert event["resource"] == {"prefect.resource.id": "airnub.orders.shipped"}
    assert "flow-run" in [one["prefect.resource.role"] for one in event["related"]]


def test_a_payload_that_was_not_validated_is_not_sent(monkeypatch):
    """However it was made; the error names the field."""
    from airnub_prefect import events

    monkeypatch.setattr(events, "emit_event", lambda *_, **__: pytest.fail("it was sent"))
    with pytest.raises(ValidationError, match="orders"):
        event_type().emit(Shipped.model_construct(day=date(2018, 2, 7), orders="three"))
    with pytest.raises(
        TypeError, match=r"airnub.orders.shipped.v1: expected a payload of type Shipped, found Everything"
    ):
        event_type().emit(Everything.model_construct())


def test_what_it_publishes():
    """Types as contracts call them, and what may be null."""
    fields = {"day": ("date", False), "orders": ("int64", False), "carrier": ("string", True)}
    assert event_type(version=2).published() == ContractSchema("event", "shipped", 2, fields)


def test_types_of_payloads():
    """Types without a contract type have their name in JSON Schema."""
    assert event_type(Everything).published().fields == {
        "text": ("string", False),
        "word": ("string", False),
        "number": ("float64", False),
        "flag": ("boolean", False),
        "at": ("datetime_us", False),
        "maybe": ("datetime_us", True),
        "many": ("list(string)", False),
        "rows": ("list(list(int64))", True),
        "things": ("list(any)", False),
        "either": ("int64 or string", False),
    }


def test_what_is_a_part_of_a_pipeline():
    """A flow that another one calls, and not the run of a deployment, however that was started."""
    from types import SimpleNamespace

    from prefect.context import FlowRunContext

    from airnub_prefect.events import is_within_pipeline

    assert not is_within_pipeline()
    for parent, deployment, expected in ((None, None, False), ("task", None, True), ("task", "deployment", False)):
        run = SimpleNamespace(parent_task_run_id=parent, deployment_id=deployment)
        with FlowRunContext.model_construct(flow_run=run):
            assert is_within_pipeline() is expected
