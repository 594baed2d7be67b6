"""Prefect artifacts that show the results of a run, by key; `DEPARTMENT-STAGE` is the `artifact_key` of a stage.

`DEPARTMENT-STAGE-items`, by `finish_stage`: a table of the items, failures first (`item_rows`)
    source, outcome, error; of datasets rows in, rows, quarantined, superseded, seconds; of downloads url;
    size, attempts, retry may help, path; of downloads manifest
`DEPARTMENT-STAGE-summary`, by `finish_stage`: Markdown with up to three tables
    source, with the number of items by outcome (stored, updated, unchanged, failed, gone, skipped)
    dataset, rows in, rows out, superseded, quarantined, seconds
    failed checks: dataset, check, result, expected, found
`DEPARTMENT-STAGE-checks`, by `check_report`: Markdown with one table
    dataset, check, versions, expected, found
`DEPARTMENT-STAGE-checks-plot`, by `check_report`: an SVG of what the checks measured
`DEPARTMENT-housekeeping`, by `housekeeping`: a table
    what, files, bytes, removed files, removed bytes, place

While it runs, a task shows its progress (`batch_progress`, `share_progress`), which has no key. A flow of a department
publishes its own results with the functions below.
"""

import asyncio
import base64
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

from prefect import get_run_logger
from prefect.artifacts import (
    acreate_image_artifact,
    acreate_markdown_artifact,
    acreate_progress_artifact,
    acreate_table_artifact,
    aupdate_progress_artifact,
)

from airnub_core import IngestError, Outcome, Report, Status
from airnub_prefect.progress import BatchProgress, ShareProgress

PROGRESS_EVERY = 1.0
"""Seconds between updates of the run page; each costs the server a row."""

MAX_OTHERS = 1000
"""Maximum number of items other than failures in a table; a longer one is not readable and costs the server time."""


def artifact_key(*words: str) -> str:
    """A valid artifact key: lower-case letters, digits and dashes."""
    return re.sub(r"[^a-z0-9]+", "-", "-".join(words).lower()).strip("-")


def item_rows(report: Report) -> list[dict[str, Any]]:
    """Rows of the table of items: every failure first, then up to `MAX_OTHERS` others.

    All rows have the same columns: downloads have a URL and a manifest, datasets have row counts.
    """
    others = [outcome for outcome in report.outcomes if outcome.kind is not Status.FAILED]
    with_rows = any(outcome.rows is not None or outcome.quarantined for outcome in report.outcomes)
    with_urls = any(outcome.url is not None for outcome in report.outcomes)
    shown = (*report.failed, *others[:MAX_OTHERS])
    return [_row(outcome, with_rows=with_rows, with_urls=with_urls) for outcome in shown]


async def publish_items(key: str, report: Report, stage: str) -> None:
    """Publish the table of a stage's items; the caption names the stage."""
    caption = f"Every item of {stage} that failed, and up to {MAX_OTHERS:,} others"
    await acreate_table_artifact(item_rows(report), key=key, description=caption)


async def publish_table(key: str, rows: Sequence[Mapping[str, Any]], description: str) -> None:
    """Publish a table; values are text, numbers, booleans or `None`, since Prefect stores JSON."""
    await acreate_table_artifact([dict(row) for row in rows], key=key, description=description)


async def publish_markdown(key: str, markdown: str, description: str) -> None:
    """Publish a Markdown text."""
    await acreate_markdown_artifact(markdown, key=key, description=description)


async def publish_image(key: str, path: Path, description: str) -> None:
    """Publish a PNG inside the artifact, so that the UI shows it without access to the file.

    Raises:
        OSError: the file cannot be read.
    """
    content = base64.b64encode(await asyncio.to_thread(path.read_bytes)).decode()
    await acreate_image_artifact(f"data:image/png;base64,{content}", key=key, description=description)


async def publish_svg(key: str, svg: str, description: str) -> None:
    """Publish an SVG image inside the artifact."""
    content = base64.b64encode(svg.encode()).decode()
    await acreate_image_artifact(f"data:image/svg+xml;base64,{content}", key=key, description=description)


def cell(text: str) -> str:
    """A text that contains values of a source, as a cell of a Markdown table."""
    return code(" ".join(text.split()).replace("|", "\\|"))


def code(value: str) -> str:
    """A value of a source as Markdown code, so that it is not interpreted."""
    return "`" + value.replace("`", "'") + "`"


@asynccontextmanager
async def batch_progress(batch: str) -> AsyncIterator[BatchProgress]:
    """Progress of a batch of items, shown on the page of the run while the block runs."""
    progress = BatchProgress(batch)
    async with _shown(progress, f"{batch}: items that have ended"):
        yield progress


@asynccontextmanager
async def share_progress(description: str) -> AsyncIterator[ShareProgress]:
    """Progress of one piece of work, shown on the page of the run while the block runs."""
    progress = ShareProgress()
    async with _shown(progress, description):
        yield progress


@asynccontextmanager
async def _shown(progress: BatchProgress | ShareProgress, description: str) -> AsyncIterator[None]:
    artifact = await acreate_progress_artifact(0.0, description=description)
    updates = asyncio.create_task(_update(artifact, progress))
    try:
        yield
    finally:
        updates.cancel()
        [ended] = await asyncio.gather(updates, return_exceptions=True)
        if isinstance(ended, Exception):
            # The display failed; the batch itself is not affected.
            get_run_logger().warning("The progress artifact could not be updated: %r", ended)
    await aupdate_progress_artifact(artifact, 100.0)


async def _update(artifact: UUID, progress: BatchProgress | ShareProgress) -> None:
    shown = 0.0
    while True:
        await asyncio.sleep(PROGRESS_EVERY)
        if progress.percent != shown:
            shown = progress.percent
            await aupdate_progress_artifact(artifact, shown)


def _row(outcome: Outcome, *, with_rows: bool, with_urls: bool) -> dict[str, Any]:
    # The server's page shows about five columns without scrolling, so those that people look for come first.
    row: dict[str, Any] = {
        "source": outcome.source,
        "outcome": outcome.kind.value,
        "error": None if outcome.error is None else _error_text(outcome.error, outcome.url),
    }
    if with_rows:
        row |= {
            "rows in": outcome.rows_read,
            "rows": outcome.rows,
            "quarantined": outcome.quarantined,
            "superseded": outcome.superseded,
            "seconds": outcome.seconds,
        }
    if with_urls:
        row["url"] = outcome.url
    row |= {
        "size": outcome.size,
        "attempts": outcome.attempts,
        "retry may help": None if outcome.error is None else outcome.error.transient,
        "path": outcome.path,
    }
    if with_urls:
        row["manifest"] = outcome.manifest
    return row


def _error_text(error: IngestError, url: str | None) -> str:
    """The kind of error and its message, without the URL, which has a column of its own."""
    return f"{type(error).__name__}: {str(error).removeprefix(f'{url}: ')}"
