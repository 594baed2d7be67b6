"""Contract checks: convert the checks and value constraints of a declaration to their contract models."""

from collections.abc import Sequence
from math import isfinite

from airnub_core.contracts.checks import (
    ExpressionCheck,
    FieldValues,
    FreshCheck,
    FunctionCheck,
    PublishedCheck,
    ReferenceCheck,
    RowCountChangeCheck,
    RowCountCheck,
    UniqueCheck,
)
from airnub_data.checks import Check, Expression, Fresh, Function, Reference, RowCount, RowCountChange, Unique
from airnub_data.columns import Schema


def published_checks(checks: Sequence[Check]) -> dict[str, PublishedCheck]:
    """Convert checks, by name; an instance of a department's own check class becomes a `FunctionCheck`."""
    return {check.name: _published(check) for check in checks}


def published_values(schema: Schema) -> dict[str, FieldValues]:
    """Convert the value constraints of columns, by column; columns without constraints are left out."""
    return {
        name: FieldValues(minimum=_number(column.minimum), maximum=_number(column.maximum), one_of=column.one_of)
        for name, column in schema.items()
        if not (column.minimum is None and column.maximum is None and column.one_of is None)
    }


def _number(value: float | None) -> float | int | None:
    """Return a bound as YAML represents it; `None` for an infinite one."""
    if value is None or isinstance(value, int):
        return value
    return float(value) if isfinite(value) else None


def _published(check: Check) -> PublishedCheck:
    on_fail, over = check.on_fail, check.over
    match check:
        case Unique():
            return UniqueCheck(check="unique", columns=check.columns, on_fail=on_fail, over=over)
        case RowCount():
            return RowCountCheck(check="row_count", minimum=check.minimum, maximum=check.maximum, on_fail=on_fail)
        case RowCountChange():
            return RowCountChangeCheck(
                check="row_count_change",
                max_shrink=check.max_shrink,
                max_growth=check.max_growth,
                versions=check.versions,
                on_fail=on_fail,
            )
        case Fresh():
            return FreshCheck(check="fresh", column=check.column, within=check.within, on_fail=on_fail)
        case Reference():
            there = None if check.to_columns == check.columns else check.to_columns
            return ReferenceCheck(
                check="reference", columns=check.columns, to=check.to, to_columns=there, on_fail=on_fail, over=over
            )
        case Expression():
            return ExpressionCheck(check="expression", expected=check.described, on_fail=on_fail, over=over)
        case Function():
            return FunctionCheck(check="function", expected=check.described, on_fail=on_fail, over=over)
        case _:
            return FunctionCheck(check="function", on_fail=on_fail, over=over)
