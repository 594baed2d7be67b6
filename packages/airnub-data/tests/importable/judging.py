"""Evaluation of a single check for rows that a test gives."""

from datetime import UTC, datetime

import polars as pl

from airnub_data.checks import CheckedRows

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)


def judged(check, rows=None, **known):
    """Return whether a check passes for rows, and the text of its finding."""
    return finding(check, rows, **known)[:2]


def finding(check, rows=None, *, total=None, earlier=(), kept=None, others=None):
    """Return the finding of a check."""
    rows = pl.DataFrame({"a": [1]}) if rows is None else pl.DataFrame(rows, strict=False)
    lazy = rows.lazy()
    check.require_evaluable(lazy)
    wanted = [one.alias(str(place)) for place, one in enumerate(check.aggregates())]
    return check.judge(
        CheckedRows(
            rows=lazy,
            total=len(rows) if total is None else total,
            now=NOW,
            newest_kept=lambda _column: kept,
            earlier=lambda count: list(earlier)[:count],
            dataset=lambda name: others[name].lazy(),
            values=lazy.select(wanted).collect().row(0) if wanted else (),
        )
    )
