"""Sources and datasets as assets, on a real server."""

import asyncio
import time
import uuid

import pytest

pytest.importorskip("airnub_data", reason="the extra `datasets` is not installed")

from department_of_joins.datasets import ORDERS, SHARES, TOTALS

from airnub_core import Outcome, Report, Status
from airnub_core.errors import DatasetError
from airnub_prefect.assets import dataset_asset, emit_dataset_asset, emit_source_assets

WRITTEN_AT_ONCE = 500
"""Events that the embedded server collects before it writes them."""


@pytest.fixture
def sent(prefect_api):
    """Run something in a flow's task; the events of its assets with a key that begins so, by name and key.

    Other processes of the tests share the server, and make assets with the same keys: a tag tells the runs apart.
    """
    from prefect import flow, tags, task
    from prefect.client.orchestration import get_client
    from prefect.events import emit_event

    def events(begins, work):
        @flow(name="of-tests-materializes")
        def flow_of_tests():
            task(work)()
            for _ in range(WRITTEN_AT_ONCE):
                emit_event("airnub.of-tests", {"prefect.resource.id": "airnub.of-tests"})

        tag = f"of-tests-{uuid.uuid4().hex}"
        with tags(tag):
            flow_of_tests()
        chosen = {
            "event": {"prefix": ["prefect.asset."]},
            "resource": {"id_prefix": [begins]},
            "related": {"id": [f"prefect.tag.{tag}"]},
        }
        asked = {"filter": chosen, "limit": 50}
        with get_client(sync_client=True) as client:
            before = 0
            for _ in range(300):
                found = client.request("POST", "/events/filter", json=asked).json()["events"]
                # They may come in two lots: what is made, and what it refers to.
                if len(found) == before and any("materialization" in one["event"] for one in found):
                    return {(one["event"], one["resource"]["prefect.resource.id"]): one for one in found}
                before = len(found)
                time.sleep(0.2)
        return {}

    return events


def upstream(event):
    return {
        one["prefect.resource.id"] for one in event["related"] if one["prefect.resource.role"] == "asset"
    }  # fmt: skip


def test_a_new_version_is_a_materialization(sent):
    """With row counts and versions of the inputs, the assets that it is made of, and the run that made it."""
    made = Outcome("shares", Status.UPDATED, rows=3, version=4, rows_read=5, inputs={"totals": 7})
    events = sent("airnub://assets_a/", lambda: emit_dataset_asset("assets_a", SHARES, made))
    event = events["prefect.asset.materialization.succeeded", "airnub://assets_a/datasets/shares"]
    assert event["payload"] == {"version": 4, "rows": 3, "rows_read": 5, "inputs": {"totals": 7}}
    assert upstream(event) == {"airnub://assets_a/datasets/totals", "airnub://crm_of_tests/datasets/everywhere"}
    roles = {one["prefect.resource.role"] for one in event["related"]}
    assert {"flow-run", "task-run", "asset-materialized-by"} <= roles
    assert ("prefect.asset.referenced", "airnub://assets_a/datasets/totals") in events


def test_what_failed_and_what_is_unchanged(sent):
    """A failure says what it was; what is unchanged sends nothing."""

    def work():
        emit_dataset_asset("assets_b", TOTALS, Outcome("totals", Status.UNCHANGED, rows=1))
        error = DatasetError("orders", "expected rows, found none")
        emit_dataset_asset("assets_b", ORDERS, Outcome("orders", Status.FAILED, error=error))

    events = sent("airnub://assets_b/", work)
    assert not any(key.endswith("/totals") for _, key in events)
    event = events["prefect.asset.materialization.failed", "airnub://assets_b/datasets/orders"]
    assert event["payload"]["error"]["message"].endswith("expected rows, found none")
    assert upstream(event) == {"airnub://assets_b/sources/shop"}


def test_sources_are_assets_too(sent):
    """Of those that brought something new, with counts; and of those of which every item failed."""
    error = DatasetError("x", "no")
    report = Report(
        [
            Outcome("new", Status.STORED, size=7),
            Outcome("new", Status.FAILED, error=error),
            Outcome("old", Status.UNCHANGED),
            Outcome("old", Status.FAILED, error=error),
            Outcome("dead", Status.FAILED, error=error),
        ]
    )
    events = sent("airnub://assets_c/", lambda: emit_source_assets("assets_c", report))
    assert {(name.rpartition(".")[2], key.rpartition("/")[2]) for name, key in events} == {
        ("succeeded", "new"),
        ("failed", "dead"),
    }
    [event] = [one for (_, key), one in events.items() if key.endswith("/new")]
    assert event["payload"] == {"stored": 1, "updated": 0, "unchanged": 0, "failed": 1, "bytes": 7}


def test_they_are_as_prefect_sends_them(sent):
    """A task of a department's own that reads a dataset names it in `asset_deps`: the same keys, the same form."""
    from prefect.assets import materialize

    def work():
        materialize("airnub://assets_d/reports/r", asset_deps=[dataset_asset("assets_d", "orders")])(lambda: 1)()

    from prefect import flow

    events = sent("airnub://assets_d/", flow(work))
    event = events["prefect.asset.materialization.succeeded", "airnub://assets_d/reports/r"]
    assert upstream(event) == {"airnub://assets_d/datasets/orders"}
    resource = events["prefect.asset.referenced", "airnub://assets_d/datasets/orders"]["resource"]
    assert resource["prefect.resource.name"] == "assets_d/orders"


def test_a_flow_announces_what_it_makes(prefect_api, sent, fill_store, tmp_path):
    """Each dataset behind its inputs, once."""
    from department_of_joins.flows import processing
    from department_of_joins.settings import ProcessingSettings

    from airnub_prefect.errors import StageFailedError

    fill_store(tmp_path / "store", {"a": b"id,price\n1,2\n2,3\n"})
    settings = ProcessingSettings(store=str(tmp_path / "store"), datasets=str(tmp_path / "datasets"))

    def work():
        with pytest.raises(StageFailedError):  # `shares` has an input that is nowhere
            asyncio.run(processing(settings))

    events = sent("airnub://department_of_joins/datasets/totals", work)
    event = events["prefect.asset.materialization.succeeded", "airnub://department_of_joins/datasets/totals"]
    assert (event["payload"]["rows"], list(event["payload"]["inputs"])) == (1, ["orders"])
