"""Checks: conditions on a whole dataset, or on the rows of the files that a run writes, evaluated before a commit;
`fresh` in any run.

Rules for single values belong to `Column`; rows that break them are quarantined. A check evaluates the version that is
about to be committed: a failure blocks the commit or adds a warning.

>>> import polars as pl
>>> from airnub_data.checks import expression, fresh, row_count, unique
>>> checks = (
...     unique("email"),
...     row_count(minimum=1_000),
...     fresh("updated_at", within="36h", on_fail="warn"),
...     expression("cheap", pl.col("price") < 1000, over="touched"),
... )
>>> [check.name for check in checks]
['unique_email', 'row_count', 'fresh_updated_at', 'cheap']

`base` (how to add a kind), `uniqueness`, `row_counts`, `freshness`, `references`, `conditions` (expressions and
functions).
"""

from airnub_data.checks.base import Check, CheckedRows, Finding, Over
from airnub_data.checks.conditions import Expression, Function, expression, function
from airnub_data.checks.freshness import Fresh, fresh
from airnub_data.checks.references import Reference, reference
from airnub_data.checks.row_counts import RowCount, RowCountChange, row_count, row_count_change
from airnub_data.checks.uniqueness import Unique, unique

__all__ = [
    "Check",
    "CheckedRows",
    "Expression",
    "Finding",
    "Fresh",
    "Function",
    "Over",
    "Reference",
    "RowCount",
    "RowCountChange",
    "Unique",
    "expression",
    "fresh",
    "function",
    "reference",
    "row_count",
    "row_count_change",
    "unique",
]
