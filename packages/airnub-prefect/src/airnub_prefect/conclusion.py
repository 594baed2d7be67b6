"""Conclusion: how a stage ends. What became of every item is published first; then too many failures fail the run."""

from airnub_core import Report
from airnub_prefect.artifacts import artifact_key, publish_items, publish_markdown
from airnub_prefect.errors import NAMED_FAILURES, StageFailedError
from airnub_prefect.settings import StageSettings
from airnub_prefect.tolerance import tolerates


async def conclude(settings: StageSettings, report: Report, tolerated: int | str = 0) -> Report:
    """Publish a report as a table and a summary, and return it.

    Args:
        settings: say whose stage it is.
        report: what became of each item.
        tolerated: failures that the run may have, a number or a share such as `5%`.

    Raises:
        StageFailedError: more failed than is tolerated; its message counts and names them.
    """
    whose = f"{settings.department} {settings.stage}"
    key = artifact_key(settings.department, settings.stage)
    await publish_items(f"{key}-items", report, whose)
    await publish_markdown(f"{key}-summary", summary(whose, report), f"What {whose} did")
    if not tolerates(tolerated, len(report.failed), len(report.outcomes)):
        raise StageFailedError(settings.stage, report, "none" if tolerated == 0 else str(tolerated))
    return report


def summary(whose: str, report: Report) -> str:
    """A report as Markdown for a person."""
    counts = report.counts
    sources: dict[str, dict[str, int]] = {}
    for outcome in report.outcomes:
        of_source = sources.setdefault(outcome.source, dict.fromkeys(counts, 0))
        of_source[outcome.kind.value] += 1
    header = ["source", *counts]
    lines = [
        f"# {whose}",
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
    return "\n".join(lines) + "\n"
