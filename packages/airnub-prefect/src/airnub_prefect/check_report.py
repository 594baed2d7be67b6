"""Report of the dataset checks in this run and in the last versions, as a table and a plot."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from airnub_core import Outcome, Status
from airnub_core.outcome import CheckResult
from airnub_prefect.artifacts import cell, publish_markdown, publish_svg
from airnub_prefect.plot import Panel, Point, svg

if TYPE_CHECKING:
    from airnub_data.check_history import CheckedVersion

VERSIONS = 30
"""Number of versions of a dataset that are shown."""
_PANELS = 40
"""Maximum number of panels of a plot; 40 are 3,000 pixels high."""
_PASSED, _WARNED, _FAILED, _ABSENT = "✓", "!", "✗", "·"


@dataclass(frozen=True, slots=True)
class _Shown:
    """One version, or the uncommitted result of this run."""

    label: str
    rows: int | None
    checks: Mapping[str, CheckResult]


async def publish_checks(
    key: str, stage: str, outcomes: Sequence[Outcome], history: Mapping[str, "Sequence[CheckedVersion]"]
) -> None:
    """Publish the table, and the plot if a check has a number; nothing if no dataset has checks.

    Args:
        key: prefix of the keys of the artifacts.
        stage: department and stage, for captions.
        outcomes: outcomes of the datasets in this run.
        history: the last versions of each dataset, oldest first.
    """
    checked = {one.source: _shown(one, history.get(one.source, ())) for one in outcomes if one.checks}
    if not checked:
        return
    about = f"Checks of {stage}: this run and the last {VERSIONS} versions"
    await publish_markdown(f"{key}-checks", markdown(outcomes, history), about)
    panels = [panel for dataset, shown in checked.items() for panel in _panels(dataset, shown)]
    if panels:
        await publish_svg(f"{key}-checks-plot", svg(panels[:_PANELS]), f"{about}. Red: a check that failed")


def markdown(outcomes: Sequence[Outcome], history: Mapping[str, "Sequence[CheckedVersion]"]) -> str:
    """A table with expectation, finding and the results in the last versions of each check of each dataset."""
    lines = [
        "# Checks",
        "",
        f"Versions, newest on the right: {_PASSED} passed, {_WARNED} failed with a warning, {_FAILED} failed, "
        f"{_ABSENT} not declared in that version. The last mark is the result of this run, committed or not.",
        "",
        "| dataset | check | versions | expected | found |",
        "|---|---|---|---|---|",
    ]
    for outcome in outcomes:
        shown = _shown(outcome, history.get(outcome.source, ()))
        for check in outcome.checks:
            marks = "".join(_mark(one.checks.get(check.name)) for one in shown)
            cells = (outcome.source, check.name, marks, cell(check.expected), cell(check.found))
            lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _shown(outcome: Outcome, history: "Sequence[CheckedVersion]") -> list[_Shown]:
    shown = [
        _Shown(f"{one.at:%Y-%m-%d} v{one.version}", one.rows, {check.name: check for check in one.checks})
        for one in history
    ]
    now = {check.name: check for check in outcome.checks}
    if outcome.kind is Status.FAILED or not shown:
        shown.append(_Shown("this run", outcome.rows, now))
    else:
        # This run replaces the results of the newest version: freshness is evaluated again even if nothing was
        # committed.
        last = shown[-1]
        shown[-1] = _Shown(last.label, last.rows, {**last.checks, **now})
    return shown[-VERSIONS:]


def _panels(dataset: str, shown: Sequence[_Shown]) -> list[Panel]:
    rows = [
        Point(one.label, one.rows, all(check.passed for check in one.checks.values())) for one in shown
        if one.rows is not None
    ]  # fmt: skip
    panels = [Panel(f"{dataset}: rows", rows)] if rows else []
    for name, newest in shown[-1].checks.items():
        found = [one.checks.get(name) for one in shown]
        points = [
            Point(one.label, None if check is None else check.value, check is None or check.passed)
            for one, check in zip(shown, found, strict=True)
        ]
        unit = next((check.unit for check in reversed(found) if check is not None and check.unit), newest.unit)
        # The count of rows has a panel already.
        if unit is not None and unit != "rows":
            panels.append(Panel(f"{dataset}: {name}", points, unit))
    return panels


def _mark(check: CheckResult | None) -> str:
    if check is None:
        return _ABSENT
    return _PASSED if check.passed else _WARNED if check.on_fail == "warn" else _FAILED
