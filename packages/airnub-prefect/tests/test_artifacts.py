"""Artifacts."""

import asyncio
import base64
import json
import re
from itertools import pairwise

import pytest

from airnub_core import Outcome, Report, Status
from airnub_core.errors import HttpStatusError

STORED = Outcome("a", Status.STORED, url="https://a/", path="a/1", manifest="a/1.json", size=3)
UNAVAILABLE = HttpStatusError("https://me:hunter2@b/", 503)
FAILED = Outcome("b", Status.FAILED, url="https://***@b/", error=UNAVAILABLE, attempts=4)


def run_in_flow(work):
    """Run a coroutine function inside a flow."""
    from prefect import flow

    return asyncio.run(flow(work)())


def latest(key):
    """The newest artifact of a key, as the server has it."""
    from prefect.client.orchestration import get_client

    with get_client(sync_client=True) as client:
        answer = client.request("GET", f"/artifacts/{key}/latest")
    return answer.json()


@pytest.mark.parametrize(
    ("words", "key"),
    [(("project_alpha", "Ingestion"), "project-alpha-ingestion"), (("a b", ".c_"), "a-b-c"), (("ä", "x9"), "x9")],
)
def test_keys(words, key):
    """A key has nothing but what Prefect takes."""
    from airnub_prefect.artifacts import artifact_key

    assert artifact_key(*words) == key


def test_failures_come_first_and_are_all_shown():
    """The table has every failure, then 1,000 others."""
    from airnub_prefect.artifacts import item_rows

    rows = item_rows(Report([STORED] * 1500 + [FAILED] * 1200))
    assert [row["outcome"] for row in rows] == ["failed"] * 1200 + ["stored"] * 1000


@pytest.mark.parametrize(("most", "said"), [(3, "3"), (2000, "2,000")])
def test_the_caption_names_the_number_of_rows_that_is_kept_to(prefect_api, monkeypatch, most, said):
    """Both follow from one number."""
    from airnub_prefect import artifacts

    monkeypatch.setattr(artifacts, "MAX_OTHERS", most)

    async def work():
        await artifacts.publish_items("of-tests-caption", Report([STORED] * 2500), "the tests")

    run_in_flow(work)
    published = latest("of-tests-caption")
    assert published["description"].endswith(f"and up to {said} others")
    assert len(json.loads(published["data"])) == most


def test_a_row_says_what_happened():
    """A row names the error, redacted, and whether a retry may help; all rows have the same columns."""
    from airnub_prefect.artifacts import item_rows

    made = Outcome("d", Status.UPDATED, rows=7, quarantined=1, superseded=2)
    failed, stored, dataset = item_rows(Report([FAILED, STORED, made]))
    assert failed["error"] == "HttpStatusError: expected status 200, found 503 Service Unavailable"
    assert failed["retry may help"] is True
    assert (stored["error"], stored["retry may help"], stored["manifest"]) == (None, None, "a/1.json")
    assert (dataset["rows"], dataset["quarantined"], dataset["superseded"]) == (7, 1, 2)
    assert stored["rows"] is None
    assert list(failed) == list(stored) == list(dataset)


def test_a_table_has_the_columns_of_its_items():
    """Downloads have no row counts; datasets have no URL, and their row counts come first."""
    from airnub_prefect.artifacts import item_rows

    [download] = item_rows(Report([STORED]))
    assert list(download) == [
        "source",
        "outcome",
        "error",
        "url",
        "size",
        "attempts",
        "retry may help",
        "path",
        "manifest",
    ]
    made = Outcome("d", Status.UPDATED, rows_read=10, rows=7, quarantined=1, superseded=2)
    failed, updated = item_rows(Report([made, Outcome("e", Status.FAILED, error=FAILED.error)]))
    assert list(failed) == list(updated)
    assert list(updated)[:7] == ["source", "outcome", "error", "rows in", "rows", "quarantined", "superseded"]
    assert not {"url", "manifest"} & set(updated)


def test_what_is_published_is_on_the_server(prefect_api, tmp_path):
    """Tables, texts and pictures are there after the run, under their keys."""
    from airnub_prefect.artifacts import publish_image, publish_items, publish_markdown, publish_table

    (tmp_path / "plot.png").write_bytes(b"png")

    async def work():
        await publish_items("of-tests-items", Report([STORED]), "the tests")
        await publish_table("of-tests-table", [{"a": 1, "b": None}], "a table")
        await publish_markdown("of-tests-text", "# Yes", "a text")
        await publish_image("of-tests-image", tmp_path / "plot.png", "a plot")

    run_in_flow(work)
    assert json.loads(latest("of-tests-items")["data"])[0]["source"] == "a"
    assert latest("of-tests-items")["description"] == "Every item of the tests that failed, and up to 1,000 others"
    assert json.loads(latest("of-tests-table")["data"]) == [{"a": 1, "b": None}]
    assert latest("of-tests-text")["data"] == "# Yes"
    assert latest("of-tests-image")["data"] == "data:image/png;base64," + base64.b64encode(b"png").decode()


def test_progress_is_shown_while_it_works(prefect_api, monkeypatch):
    """The artifact follows the items that have ended, and is full at the end."""
    from airnub_prefect import artifacts

    monkeypatch.setattr(artifacts, "PROGRESS_EVERY", 0.01)
    shown, any_shown = [], asyncio.Event()
    update = artifacts.aupdate_progress_artifact

    async def seen(artifact, progress):
        shown.append(progress)
        await update(artifact, progress)
        any_shown.set()

    monkeypatch.setattr(artifacts, "aupdate_progress_artifact", seen)

    async def work():
        async with artifacts.batch_progress("files") as progress:
            progress.expect(4)
            progress.outcome(STORED)
            await any_shown.wait()

    run_in_flow(work)
    assert shown == [25.0, 100.0]


def test_progress_that_cannot_be_shown_does_not_fail_the_batch(prefect_api, monkeypatch):
    """An unreachable server is logged in the run's log."""
    from airnub_prefect import artifacts

    monkeypatch.setattr(artifacts, "PROGRESS_EVERY", 0.01)
    update, failed = artifacts.aupdate_progress_artifact, asyncio.Event()

    async def away(artifact, progress):
        if not failed.is_set():
            failed.set()
            raise ConnectionError("away")
        await update(artifact, progress)

    monkeypatch.setattr(artifacts, "aupdate_progress_artifact", away)

    async def work():
        async with artifacts.batch_progress("files") as progress:
            progress.expect(2)
            progress.outcome(STORED)
            await failed.wait()
        return "done"

    assert run_in_flow(work) == "done"


def test_the_error_of_a_batch_is_passed_on(prefect_api):
    """The error of the block is raised."""
    from airnub_prefect.artifacts import batch_progress

    async def work():
        async with batch_progress("files"):
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        run_in_flow(work)


def columns_of(markdown):
    """The columns of the tables in a Markdown text, one table after another."""
    lines = markdown.splitlines()
    heads = (line for line, rule in pairwise(lines) if rule.startswith("|---"))
    return [head.strip("| ").split(" | ") for head in heads]


def test_the_docstring_has_the_columns_of_every_artifact():
    """In their order, since people look here for what an artifact contains."""
    from airnub_core.outcome import CheckResult
    from airnub_prefect import artifacts, check_report, finish_stage, housekeeping
    from airnub_prefect.cleanup import Cleanup, Kept

    failed = CheckResult("fits", False, "block", "it fits", "False")
    dataset = Outcome("d", Status.FAILED, rows=7, checks=(failed,))
    rare = [Outcome("g", Status.GONE), Outcome("s", Status.SKIPPED)]
    counts, *others = columns_of(finish_stage.summary("alpha processing", Report([dataset, *rare])))
    others += columns_of(check_report.markdown([dataset], {}))
    others.append(list(housekeeping.table_rows(Cleanup(dry_run=False, kept=[Kept("store", "/s", 1, 2, 3, 4)]))[0]))
    assert len(others) == 4
    text = " ".join(artifacts.__doc__.split())
    for columns in others:
        assert ", ".join(columns) in text
    assert f"source, with the number of items by outcome ({', '.join(counts[1:])})" in text
    items = text.partition("(`item_rows`) ")[2].partition(" `")[0]
    items = re.sub("of (datasets|downloads) ", "", items)
    assert re.split("[,;] ", items) == list(artifacts.item_rows(Report([STORED, dataset]))[0])
