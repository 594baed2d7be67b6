"""What checks found, for people."""

import asyncio
import base64
import time
from datetime import UTC, datetime

import pytest

pytest.importorskip("airnub_data", reason="the extra `datasets` is not installed")

from airnub_core import Outcome, Status
from airnub_core.outcome import CheckResult
from airnub_data.check_history import CheckedVersion
from airnub_prefect.check_report import markdown

WRITTEN_AT_ONCE = 500
"""Events that the embedded server collects before it writes them."""


def result(name, passed, value=None, on_fail="block"):
    return CheckResult(name, passed, on_fail, "at most 3 | 4", f"`{value}`", value, None if value is None else "hours")


HISTORY = {
    "orders": [
        CheckedVersion(0, datetime(2026, 1, 2, tzinfo=UTC), 10, ()),
        CheckedVersion(1, datetime(2026, 1, 3, tzinfo=UTC), 12, (result("fresh", False, 5, "warn"),)),
        CheckedVersion(2, datetime(2026, 1, 4, tzinfo=UTC), 14, (result("fresh", True, 2),)),
    ]
}


def marks(outcome):
    return markdown([outcome], HISTORY).splitlines()[-1].split(" | ")[2]


def test_each_check_has_the_last_versions():
    """The newest on the right; values of a source are no Markdown."""
    outcome = Outcome("orders", Status.UPDATED, rows=14, checks=(result("fresh", True, 2),))
    line = markdown([outcome], HISTORY).splitlines()[-1]
    assert line == r"| orders | fresh | ·!✓ | `at most 3 \| 4` | `'2'` |"


def test_no_plot_without_a_number(monkeypatch):
    """Of a dataset that was never committed and whose checks judge no number: an image without a panel is none."""
    from airnub_prefect import check_report

    published = []

    async def note(key, *_content):
        published.append(key)

    monkeypatch.setattr(check_report, "publish_markdown", note)
    monkeypatch.setattr(check_report, "publish_svg", note)
    failed = Outcome("orders", Status.FAILED, checks=(CheckResult("fits", False, "block", "it fits", "False"),))
    asyncio.run(check_report.publish_checks("key", "alpha processing", [failed], {}))
    assert published == ["key-checks"]


def test_what_was_not_committed_is_the_last():
    """A check that forbade the commit; of an unchanged dataset the newest version as it is judged now."""
    assert marks(Outcome("orders", Status.FAILED, checks=(result("fresh", False, 9),))) == "·!✓✗"
    assert marks(Outcome("orders", Status.UNCHANGED, rows=14, checks=(result("fresh", False, 9, "warn"),))) == "·!!"


@pytest.fixture
def process(prefect_api, tmp_path):
    """Run the flow, and have the server write events."""
    from department_of_data.flows import processing
    from department_of_data.settings import ProcessingSettings
    from prefect import flow
    from prefect.events import emit_event

    from airnub_prefect.errors import StageFailedError

    @flow(name="of-tests-fills")
    def fill_events():
        for _ in range(WRITTEN_AT_ONCE):
            emit_event("airnub.of-tests", {"prefect.resource.id": "airnub.of-tests"})

    def run(accept=None):
        settings = ProcessingSettings(store=str(tmp_path / "store"), datasets=str(tmp_path / "datasets"))
        state = asyncio.run(processing(settings, accept, return_state=True))
        report = asyncio.run(state.aresult(raise_on_failure=False))
        assert isinstance(report, StageFailedError) == state.is_failed()
        fill_events()
        return state.state_details.flow_run_id

    return run


def artifacts(run):
    from prefect.client.orchestration import get_client

    asked = {"artifacts": {"flow_run_id": {"any_": [str(run)]}}}
    with get_client(sync_client=True) as client:
        found = client.request("POST", "/artifacts/filter", json=asked).json()
    return {one["key"]: one["data"] for one in found}


def related(event):
    return {one["prefect.resource.id"] for one in event["related"]}


def checked_events(run):
    from prefect.client.orchestration import get_client

    asked = {"filter": {"event": {"name": ["airnub.dataset.checked"]}}, "limit": 50}
    with get_client(sync_client=True) as client:
        for _ in range(300):
            events = client.request("POST", "/events/filter", json=asked).json()["events"]
            if mine := [one for one in events if f"prefect.flow-run.{run}" in related(one)]:
                return mine
            time.sleep(0.1)
    return []


def test_a_run_has_a_table_a_plot_and_an_event(process, fill_store, tmp_path):
    """Of a commit, and of one that a check forbade."""
    fill_store(tmp_path / "store", {"a": b"id,price\n1,2\n2,3\n"})
    run = process()
    found = artifacts(run)
    assert "| orders | cheap | ✓ | `a price below 1,000` |" in found["department-of-data-processing-checks"]
    [event] = checked_events(run)
    assert event["resource"]["prefect.resource.id"] == "airnub.dataset.department_of_data.orders"
    assert (event["payload"]["version"], event["payload"]["passed"], event["payload"]["failed"]) == (0, True, [])
    fill_store(tmp_path / "store", {"a": b"id,price\n1,2000\n2,3\n"})
    run = process()
    found = artifacts(run)
    assert "| orders | cheap | ✓✗ |" in found["department-of-data-processing-checks"]
    head, _, content = found["department-of-data-processing-checks-plot"].partition(",")
    assert head == "data:image/svg+xml;base64"
    image = base64.b64decode(content).decode()
    assert ">orders: rows<" in image
    assert ">orders: cheap (failing rows)<" in image
    [event] = checked_events(run)
    assert (event["payload"]["version"], event["payload"]["failed"]) == (None, ["cheap"])
    [check] = event["payload"]["checks"]
    assert (check["value"], check["on_fail"]) == (1, "block")
