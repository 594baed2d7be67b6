"""The end of a stage."""

import asyncio

import pytest
from department_for_tests.settings import CountingSettings, IngestionSettings

from airnub_core import FileSource, Outcome, Report, Status
from airnub_core.errors import HttpStatusError
from airnub_core.outcome import CheckResult, Violation
from airnub_prefect.errors import StageFailedError

STORED = Outcome("a", Status.STORED, size=1234)


def failed(number):
    """An item that failed."""
    return Outcome("b", Status.FAILED, error=HttpStatusError(f"https://b/{number}", 404))


def finish_in_flow(report, tolerated):
    """Finish a stage in a flow; the state of the flow."""
    from prefect import flow

    from airnub_prefect.finish_stage import finish_stage

    @flow
    async def stage():
        await finish_stage(CountingSettings(), report, tolerated)

    return asyncio.run(stage(return_state=True))


def artifacts_of(state):
    """The artifacts of a run by key."""
    from prefect.client.orchestration import get_client

    run = str(state.state_details.flow_run_id)
    with get_client(sync_client=True) as client:
        answer = client.request("POST", "/artifacts/filter", json={"artifacts": {"flow_run_id": {"any_": [run]}}})
    return {artifact["key"]: artifact["data"] for artifact in answer.json() if artifact["key"]}


def test_outcomes_are_published_before_the_run_fails(prefect_api):
    """A run that failed has its table and its summary all the same; the state counts and names the failures."""
    state = finish_in_flow(Report([STORED, failed(1)]), 0)
    assert state.is_failed()
    assert "counting: 1 of 2 items failed, tolerated: none" in state.message
    assert "https://b/1: expected status 200, found 404 Not Found" in state.message
    published = artifacts_of(state)
    assert set(published) == {"department-for-tests-counting-items", "department-for-tests-counting-summary"}
    assert "## Failed" in published["department-for-tests-counting-summary"]


def test_tolerated_failures_do_not_fail_the_run(prefect_api):
    """Within its tolerance a run completes, and the failures are in its table."""
    state = finish_in_flow(Report([STORED, failed(1)]), "50%")
    assert state.is_completed()
    assert "404" in artifacts_of(state)["department-for-tests-counting-items"]


def test_a_share_is_named_in_the_message(prefect_api):
    """The message says what would have been tolerated."""
    state = finish_in_flow(Report([failed(1), failed(2)]), "5%")
    with pytest.raises(StageFailedError, match="2 of 2 items failed, tolerated: 5%; a retry will not help"):
        state.result()


def test_a_warning_is_logged(prefect_api, caplog):
    """The run completes; its log and its summary say what to look at."""
    state = finish_in_flow(Report([Outcome("d", Status.STORED, rows=0, quarantined=0, warning="it has no rows")]), 0)
    assert state.is_completed()
    assert "d: it has no rows" in [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert "- **d**: it has no rows" in artifacts_of(state)["department-for-tests-counting-summary"]


def test_summary_of_datasets():
    """Row counts, and the reasons for quarantined rows, also of a failed dataset."""
    from airnub_prefect.finish_stage import summary

    violations = (Violation("rain: expected at least 0", 1200, "-1"), Violation("day: expected a date", 1, "`x`"))
    text = summary(
        "alpha processing",
        Report([
            Outcome("a", Status.UPDATED, rows_read=2925, rows=2922, quarantined=0, superseded=3, seconds=1.234),
            Outcome("b", Status.FAILED, quarantined=1200, violations=violations),
        ]),
    )  # fmt: skip
    assert (
        "| dataset | rows in | rows out | superseded | quarantined | seconds |\n|---|---:|---:|---:|---:|---:|\n"
        in text
    )
    assert "\n| a | 2,925 | 2,922 | 3 | 0 | 1.23 |\n" in text
    assert "\n| b |  |  |  | 1,200 |  |\n" in text
    assert text.endswith(
        "## Reasons for quarantined rows\n\n"
        "- **b**: rain: expected at least 0, first found `-1` (rows: 1,200)\n"
        "- **b**: day: expected a date, first found `'x'` (rows: 1)\n"
    )


def test_summary_of_checks():
    """How many passed, and each that did not with what was expected and found; without checks there is nothing."""
    from airnub_prefect.finish_stage import summary

    right = CheckResult("row_count", True, "block", "at least 1 rows", "2 rows")
    wrong = CheckResult("unique_email", False, "block", "each email once", "1 duplicate rows, such as email=a|`b`\nc")
    stale = CheckResult("fresh_at", False, "warn", "a value within 36h", "no value")
    text = summary(
        "alpha processing",
        Report([
            Outcome("a", Status.UPDATED, rows=2, checks=(right, stale)),
            Outcome("b", Status.FAILED, checks=(right, wrong, stale)),
            Outcome("c", Status.UPDATED, rows=2, checks=(wrong,)),
            Outcome("d", Status.UPDATED, rows=2),
        ]),
    )  # fmt: skip
    assert text.partition("## Checks\n")[2] == (
        "\na: 1 of 2 passed; b: 1 of 3 passed; c: 0 of 1 passed.\n\n"
        "| dataset | check | result | expected | found |\n|---|---|---|---|---|\n"
        "| a | fresh_at | warning | `a value within 36h` | `no value` |\n"
        "| b | unique_email | failed | `each email once` | `1 duplicate rows, such as email=a\\|'b' c` |\n"
        "| b | fresh_at | warning | `a value within 36h` | `no value` |\n"
        "| c | unique_email | accepted | `each email once` | `1 duplicate rows, such as email=a\\|'b' c` |\n"
    )
    assert "## Checks" not in summary("alpha", Report([Outcome("d", Status.UPDATED, rows=2)]))


def test_summary():
    """A person reads counts by source, new bytes, and the first failures."""
    from airnub_prefect.finish_stage import summary

    text = summary("alpha ingestion", Report([STORED, *map(failed, range(22))]))
    assert text.startswith(
        "# alpha ingestion\n\n23 items: 1 stored, 0 updated, 0 unchanged, 22 failed; 1,234 new bytes."
    )
    assert "| a | 1 | 0 | 0 | 0 |\n| b | 0 | 0 | 0 | 22 |\n" in text
    assert text.count("- **b**: https://b/") == 20
    assert text.endswith("- and 2 more, in the table of items\n")


def test_summary_of_nothing():
    """A stage without items says so."""
    from airnub_prefect.finish_stage import summary

    assert "0 items: 0 stored" in summary("alpha ingestion", Report())


def finish_ingestion(settings, report, *, within_pipeline=False):
    """Finish an ingestion in a flow, which may be a subflow."""
    from prefect import flow

    from airnub_prefect.finish_stage import finish_stage

    @flow
    async def stage():
        await finish_stage(settings, report)

    @flow
    async def pipeline():
        await stage()

    return asyncio.run((pipeline if within_pipeline else stage)(return_state=True))


@pytest.mark.parametrize("within", ["stage", "pipeline"])
def test_an_ingestion_ends_with_one_event(prefect_api, sent, tmp_path, within):
    """Also when items failed; it names the sources with something new, and says where the run belongs."""
    report = Report([STORED, STORED, Outcome("c", Status.UNCHANGED), failed(1), failed(2)])
    state = finish_ingestion(IngestionSettings(store=str(tmp_path)), report, within_pipeline=within == "pipeline")
    assert state.name == "Failed"
    department = "department_for_tests"
    assert sent == [
        (
            "airnub.ingestion.ended",
            {"prefect.resource.id": f"airnub.ingestion.{department}", "airnub.within": within},
            {"department": department, "new": ["a"], "failed": {"b": 2}, "behind": {}},
        )
    ]


def test_other_stages_send_none(prefect_api, sent):
    """Their datasets do."""
    finish_in_flow(Report([STORED]), 0)
    assert sent == []


@pytest.mark.parametrize(
    ("of_all", "own", "said"),
    [
        (0, {}, "tolerated: none;"),
        (0, {"b": 1}, "tolerated: none, of b 1;"),
        (2, {"b": "50%"}, "tolerated: 2, of b 50%;"),
        (0, {"b": 2}, None),
        (0, {"b": "67%"}, None),
        (2, {"a": 0}, None),
        (2, {"b": 0}, "tolerated: 2, of b none;"),
    ],
)
def test_the_tolerance_of_a_source(prefect_api, sent, tmp_path, of_all, own, said):
    """It applies to that source only; all others are judged together by that of the stage."""
    from prefect import flow

    from airnub_prefect.finish_stage import finish_stage

    sources = [
        FileSource(name=name, urls=["https://example.org/a"], tolerated_failures=own.get(name)) for name in ("a", "b")
    ]
    settings = IngestionSettings(store=str(tmp_path), files=sources, tolerated_failures=of_all)
    report = Report([STORED, Outcome("b", Status.STORED), failed(1), failed(2)])

    @flow
    async def stage():
        await finish_stage(settings, report, settings.tolerated_failures)

    state = asyncio.run(stage(return_state=True))
    assert (said in state.message) if said else (state.name == "Completed")
