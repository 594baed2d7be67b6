"""The end of a stage: publish the outcome of every item, then fail the run if too many items failed.

An ingestion also sends the event `airnub.ingestion.ended`, even if it fails, so that what it stored is processed.
"""

from collections import Counter
from collections.abc import Mapping

from prefect import get_run_logger

from airnub_core import Report, Status
from airnub_core.contracts.limits import tolerates
from airnub_core.outcome import NEW
from airnub_prefect.artifacts import artifact_key, cell, code, publish_items, publish_markdown
from airnub_prefect.errors import NAMED_FAILURES, StageFailedError
from airnub_prefect.events import IngestionEnded, emit_ingestion_ended
from airnub_prefect.progress import report_stage_finished
from airnub_prefect.settings import SourceSettings, StageSettings
from airnub_prefect.stale_datasets import stale_datasets

_COLUMNS = ("rows in", "rows out", "superseded", "quarantined", "seconds")


async def finish_stage(settings: StageSettings, report: Report, tolerated: int | str = 0) -> Report:
    """Publish a report as a table and a summary, log its warnings, and return it.

    Args:
        settings: settings of the stage; they name it.
        report: the outcome of each item.
        tolerated: tolerated failures, a number or a share such as `5%`; in an ingestion, of all sources without a
            tolerance of their own.

    Raises:
        StageFailedError: more items failed than tolerated; its message counts and names them.
    """
    stage = f"{settings.department} {settings.stage}"
    key = artifact_key(settings.department, settings.stage)
    await publish_items(f"{key}-items", report, stage)
    await publish_markdown(f"{key}-summary", summary(stage, report), f"Summary of {stage}")
    for outcome in report.outcomes:
        if outcome.warning is not None:
            get_run_logger().warning("%s: %s", outcome.source, outcome.warning)
    if isinstance(settings, SourceSettings):
        await _emit_ended(settings, report)
    own = settings.tolerances() if isinstance(settings, SourceSettings) else {}
    if _is_tolerated(report, tolerated, own):
        report_stage_finished(settings.stage, report, None)
        return report
    failing = dict.fromkeys(outcome.source for outcome in report.failed if outcome.source in own)
    tolerances = [_tolerance_text(tolerated), *(f"of {source} {_tolerance_text(own[source])}" for source in failing)]
    error = StageFailedError(settings.stage, report, ", ".join(tolerances))
    report_stage_finished(settings.stage, report, str(error))
    raise error


def _is_tolerated(report: Report, tolerated: int | str, own: Mapping[str, int | str]) -> bool:
    """Whether each source with its own tolerance is within it, and all others together within that of the stage."""
    items: Counter[str | None] = Counter(one.source if one.source in own else None for one in report.outcomes)
    failed: Counter[str | None] = Counter(one.source if one.source in own else None for one in report.failed)
    return all(
        tolerates(tolerated if source is None else own[source], number, items[source])
        for source, number in failed.items()
    )


def _tolerance_text(tolerated: int | str) -> str:
    return "none" if tolerated == 0 else str(tolerated)


async def _emit_ended(settings: SourceSettings, report: Report) -> None:
    new = {outcome.source: None for outcome in report.outcomes if outcome.kind in NEW}
    failed = Counter(outcome.source for outcome in report.failed)
    emit_ingestion_ended(
        IngestionEnded(
            department=settings.department,
            new=list(new),
            failed=dict(failed),
            behind=await stale_datasets(settings),
        )
    )


def summary(stage: str, report: Report) -> str:
    """A report as Markdown."""
    counts = report.counts
    sources: dict[str, dict[str, int]] = {}
    for outcome in report.outcomes:
        of_source = sources.setdefault(outcome.source, dict.fromkeys(counts, 0))
        of_source[outcome.kind.value] += 1
    header = ["source", *counts]
    lines = [
        f"# {stage}",
        "",
        f"{len(report.outcomes)} items: "
        + ", ".join(f"{count} {kind}" for kind, count in counts.items())
        + f"; {report.new_bytes:,} new bytes.",
        "",
        f"| {' | '.join(header)} |",
        f"|---|{'---:|' * len(counts)}",
        *(f"| {source} | {' | '.join(map(str, of_source.values()))} |" for source, of_source in sources.items()),
    ]
    if report.failed:
        lines += ["", "## Failed", ""]
        lines += [f"- **{outcome.source}**: {outcome.error}" for outcome in report.failed[:NAMED_FAILURES]]
        if len(report.failed) > NAMED_FAILURES:
            lines.append(f"- and {len(report.failed) - NAMED_FAILURES} more, in the table of items")
    warned = [outcome for outcome in report.outcomes if outcome.warning is not None]
    if warned:
        lines += ["", "## Warnings", "", *(f"- **{outcome.source}**: {outcome.warning}" for outcome in warned)]
    return "\n".join([*lines, *_rows(report), *_checks(report)]) + "\n"


def _rows(report: Report) -> list[str]:
    """Row counts, and the reasons for quarantined rows; empty if no item has rows."""
    datasets = [outcome for outcome in report.outcomes if outcome.rows is not None or outcome.quarantined]
    if not datasets:
        return []
    lines = ["", "## Rows", "", f"| dataset | {' | '.join(_COLUMNS)} |", f"|---|{'---:|' * len(_COLUMNS)}"]
    for outcome in datasets:
        counts = (outcome.rows_read, outcome.rows, outcome.superseded, outcome.quarantined)
        cells = ["" if one is None else f"{one:,}" for one in counts]
        cells.append("" if outcome.seconds is None else f"{outcome.seconds:.2f}")
        lines.append(" | ".join([f"| {outcome.source}", *cells]) + " |")
    reasons = [(outcome.source, violation) for outcome in datasets for violation in outcome.violations]
    if reasons:
        lines += ["", "## Reasons for quarantined rows", ""]
        lines += [
            f"- **{source}**: {one.rule}, first found {code(one.example)} (rows: {one.rows:,})"
            for source, one in reasons
        ]
    return lines


def _checks(report: Report) -> list[str]:
    """The number of passed checks by dataset, and a table of failed ones; empty if no dataset has checks."""
    checked = [outcome for outcome in report.outcomes if outcome.checks]
    if not checked:
        return []
    counts = [
        f"{outcome.source}: {sum(check.passed for check in outcome.checks)} of {len(outcome.checks)} passed"
        for outcome in checked
    ]
    lines = ["", "## Checks", "", f"{'; '.join(counts)}."]
    failed = [(outcome, check) for outcome in checked for check in outcome.checks if not check.passed]
    if failed:
        lines += ["", "| dataset | check | result | expected | found |", "|---|---|---|---|---|"]
    for outcome, check in failed:
        blocked = check.on_fail == "block" and outcome.kind is Status.FAILED
        result = "failed" if blocked else "accepted" if check.on_fail == "block" else "warning"
        cells = (outcome.source, check.name, result, cell(check.expected), cell(check.found))
        lines.append(f"| {' | '.join(cells)} |")
    return lines
