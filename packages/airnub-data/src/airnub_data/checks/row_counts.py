"""Row counts: within bounds, or close to those of the previous versions."""

from dataclasses import dataclass
from statistics import median

from pydantic import TypeAdapter, ValidationError

from airnub_core.contracts.limits import Growth, Tolerance, tolerates
from airnub_core.outcome import OnFail
from airnub_data.checks.base import Check, CheckedRows, Finding
from airnub_data.columns import Schema

_VERSIONS = 7
_SHRINK: TypeAdapter[int | str | None] = TypeAdapter(Tolerance | None)
_GROWTH: TypeAdapter[int | str | None] = TypeAdapter(Growth | None)


@dataclass(frozen=True, kw_only=True)
class RowCount(Check):
    """The row count of the version is within bounds."""

    minimum: int | None = None
    maximum: int | None = None

    @property
    def expected(self) -> str:
        bounds = [
            *([f"at least {self.minimum:,}"] if self.minimum is not None else ()),
            *([f"at most {self.maximum:,}"] if self.maximum is not None else ()),
        ]
        return f"{' and '.join(bounds)} rows"

    def problem(self, schema: Schema) -> str | None:
        if self.minimum is None and self.maximum is None:
            return f"check {self.name}: expected minimum= or maximum=, found neither"
        return super().problem(schema)

    def judge(self, rows: CheckedRows) -> Finding:
        low = self.minimum is None or rows.total >= self.minimum
        high = self.maximum is None or rows.total <= self.maximum
        return Finding(low and high, f"{rows.total:,} rows", rows.total, "rows")


@dataclass(frozen=True, kw_only=True)
class RowCountChange(Check):
    """The row count stays close to the median of the previous versions; the first version always passes."""

    max_shrink: int | str | None = None
    max_growth: int | str | None = None
    versions: int = _VERSIONS

    @property
    def expected(self) -> str:
        bounds = [
            *([f"at most {self.max_shrink} fewer"] if self.max_shrink is not None else ()),
            *([f"at most {self.max_growth} more"] if self.max_growth is not None else ()),
        ]
        return f"{' and '.join(bounds)} rows than the median of the last {self.versions} versions"

    def problem(self, schema: Schema) -> str | None:
        if self.max_shrink is None and self.max_growth is None:
            return f"check {self.name}: expected max_shrink= or max_growth=, found neither"
        if self.versions < 1:
            return f"check {self.name}: expected at least 1 of versions, found {self.versions}"
        for what, value, kind in (("max_shrink", self.max_shrink, _SHRINK), ("max_growth", self.max_growth, _GROWTH)):
            try:
                kind.validate_python(value)
            except ValidationError:
                expected = f"expected a number of rows as {what}, or a share such as '5%'"
                return f"check {self.name}: {expected}, found {value!r}"
        return super().problem(schema)

    def judge(self, rows: CheckedRows) -> Finding:
        earlier = rows.earlier(self.versions)
        if not earlier:
            return Finding(True, f"{rows.total:,} rows, and no version before")
        before = int(median(earlier))
        if not before:
            return Finding(True, f"{rows.total:,} rows, and none in the versions before")
        shrink = self.max_shrink is None or tolerates(self.max_shrink, max(before - rows.total, 0), before)
        growth = self.max_growth is None or tolerates(self.max_growth, max(rows.total - before, 0), before)
        found = f"{rows.total:,} rows, and {before:,} in the median of {len(earlier)} versions"
        return Finding(shrink and growth, found, round((rows.total - before) / before * 100, 3), "% change")


def row_count(
    *, minimum: int | None = None, maximum: int | None = None, name: str = "row_count", on_fail: OnFail = "block"
) -> RowCount:
    """Check that the row count of the version is within bounds, both inclusive."""
    return RowCount(name=name, minimum=minimum, maximum=maximum, on_fail=on_fail)


def row_count_change(
    *,
    max_shrink: int | str | None = None,
    max_growth: int | str | None = None,
    versions: int = _VERSIONS,
    name: str = "row_count_change",
    on_fail: OnFail = "block",
) -> RowCountChange:
    """Check that the row count stays close to the median of the previous versions.

    Args:
        max_shrink: maximum decrease: a number of rows, or a share such as `20%`.
        max_growth: maximum increase: a number of rows, or a share such as `150%`.
        versions: number of previous versions; fewer are used if fewer exist.
        name: name of the check in messages and settings.
        on_fail: `block` prevents the commit, `warn` adds a warning.
    """
    return RowCountChange(
        name=name, max_shrink=max_shrink, max_growth=max_growth, versions=versions, on_fail=on_fail
    )  # fmt: skip
