"""Published checks: a dataset's guarantees on its rows and values, as data, and which guarantee implies which.

These models represent the checks of `airnub_data.checks` in contracts. An expression or a function cannot be written as
data: it is published by its name and by the effect of its failure.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, AllowInfNan, Field, StrictFloat, StrictInt, model_validator

from airnub_core.contracts.limits import Growth, Tolerance, Within, allows_no_more
from airnub_core.outcome import OnFail
from airnub_core.strict_model import StrictModel

Text = Annotated[str, Field(min_length=1)]
Number = StrictInt | Annotated[StrictFloat, AllowInfNan(False)]
Count = Annotated[StrictInt, Field(ge=0, le=2**63 - 1)]
Over = Literal["table", "touched"]


def _are_different(values: tuple[str, ...]) -> tuple[str, ...]:
    if twice := sorted({one for one in values if values.count(one) > 1}):
        raise ValueError(f"expected each once, found {', '.join(twice)} more than once")
    return values


Names = Annotated[tuple[Text, ...], Field(min_length=1), AfterValidator(_are_different)]


class FieldValues(StrictModel):
    """Value constraints of a field; rows that violate them are in no version of the dataset.

    >>> FieldValues(minimum=0).loosened_by(FieldValues(minimum=-5))
    'at least 0, found at least -5'
    >>> FieldValues(one_of=("sun", "rain")).loosened_by(FieldValues(one_of=("sun",)))
    """

    minimum: Number | None = None
    maximum: Number | None = None
    one_of: Names | None = None

    def loosened_by(self, found: "FieldValues") -> str | None:
        """Return which constraint `found` loosens, as expected and found values; `None` if it allows no more values."""
        if self.minimum is not None and (found.minimum is None or found.minimum < self.minimum):
            there = "no minimum" if found.minimum is None else f"at least {found.minimum}"
            return f"at least {self.minimum}, found {there}"
        if self.maximum is not None and (found.maximum is None or found.maximum > self.maximum):
            there = "no maximum" if found.maximum is None else f"at most {found.maximum}"
            return f"at most {self.maximum}, found {there}"
        if self.one_of is not None:
            if found.one_of is None:
                return f"one of {', '.join(self.one_of)}, found any value"
            if more := [value for value in found.one_of if value not in self.one_of]:
                return f"one of {', '.join(self.one_of)}, found {', '.join(more)} as well"
        return None

    @model_validator(mode="after")
    def _has_values(self) -> "FieldValues":
        if self.minimum is not None and self.maximum is not None and self.minimum > self.maximum:
            raise ValueError(f"expected minimum up to maximum, found {self.minimum} and {self.maximum}")
        return self


def _written(value: object) -> str:
    return f"[{', '.join(map(str, value))}]" if isinstance(value, list) else str(value)


class _Check(StrictModel):
    on_fail: OnFail = "block"
    """`block`: versions that fail the check are not published; `warn`: they are, and the run reports a warning."""

    @property
    def columns_used(self) -> tuple[str, ...]:
        """Fields that the check refers to."""
        return ()

    def is_kept_by(self, found: "_Check") -> bool:
        """Return whether every dataset that passes `found` also passes this check."""
        is_as_strict = self.on_fail == "warn" or found.on_fail == "block"
        return isinstance(found, type(self)) and is_as_strict and self._is_implied_by(found)

    def _is_implied_by(self, found: Self) -> bool:  # noqa: ARG002  # for kinds with parameters
        return True

    def as_data(self) -> dict[str, Any]:
        """Return the check as a mapping as in contracts, without unset keys."""
        says = self.model_dump(mode="json", exclude_none=True)
        last: dict[str, Any] = {name: says.pop(name) for name in ("over", "on_fail") if name in says}
        return {"check": says.pop("check"), **says, **last}

    def __str__(self) -> str:
        """Format the check on one line as in contracts."""
        return f"{{{', '.join(f'{name}: {_written(value)}' for name, value in self.as_data().items())}}}"


class _CheckOfRows(_Check):
    over: Over = "table"
    """`table`: all rows; `touched`: the rows of the files that a run adds."""

    def _is_implied_by(self, found: Self) -> bool:
        return self.over == "touched" or found.over == "table"


class UniqueCheck(_CheckOfRows):
    """The values of some fields are unique; rows with a null in one of them are ignored."""

    check: Literal["unique"]
    columns: Names

    @property
    def columns_used(self) -> tuple[str, ...]:
        return self.columns

    def _is_implied_by(self, found: Self) -> bool:
        # Uniqueness of some of the fields implies uniqueness of all of them.
        return super()._is_implied_by(found) and set(found.columns) <= set(self.columns)


class RowCountCheck(_Check):
    """The row count is within bounds."""

    check: Literal["row_count"]
    minimum: Count | None = None
    maximum: Count | None = None

    def _is_implied_by(self, found: Self) -> bool:
        return (self.minimum is None or (found.minimum is not None and found.minimum >= self.minimum)) and (
            self.maximum is None or (found.maximum is not None and found.maximum <= self.maximum)
        )

    @model_validator(mode="after")
    def _has_a_bound(self) -> "RowCountCheck":
        if self.minimum is None and self.maximum is None:
            raise ValueError("expected minimum or maximum, found neither")
        if self.minimum is not None and self.maximum is not None and self.minimum > self.maximum:
            raise ValueError(f"expected minimum up to maximum, found {self.minimum} and {self.maximum}")
        return self


class RowCountChangeCheck(_Check):
    """The row count stays close to the median of the previous versions."""

    check: Literal["row_count_change"]
    max_shrink: Tolerance | None = None
    max_growth: Growth | None = None
    versions: Annotated[StrictInt, Field(ge=1)] = 7

    def _is_implied_by(self, found: Self) -> bool:
        # Medians over different numbers of versions are not comparable.
        return (
            found.versions == self.versions
            and (self.max_shrink is None or allows_no_more(found.max_shrink, self.max_shrink))
            and (self.max_growth is None or allows_no_more(found.max_growth, self.max_growth))
        )

    @model_validator(mode="after")
    def _has_a_bound(self) -> "RowCountChangeCheck":
        if self.max_shrink is None and self.max_growth is None:
            raise ValueError("expected max_shrink or max_growth, found neither")
        return self


class FreshCheck(_Check):
    """The newest value of a field is at most as old as `within`."""

    check: Literal["fresh"]
    column: Text
    within: Within

    @property
    def columns_used(self) -> tuple[str, ...]:
        return (self.column,)

    def _is_implied_by(self, found: Self) -> bool:
        return found.column == self.column and found.within <= self.within


class ReferenceCheck(_CheckOfRows):
    """Foreign key: every value occurs in a different dataset. Rows with a null in one of the fields are ignored."""

    check: Literal["reference"]
    columns: Names
    to: Text
    """Referenced dataset: one of the same department, or `department/name`."""
    to_columns: Names | None = None
    """Columns of the referenced dataset. Default: `columns`."""

    @property
    def columns_used(self) -> tuple[str, ...]:
        return self.columns

    @property
    def pairs(self) -> dict[str, str]:
        """Mapping of fields to columns of the referenced dataset."""
        return dict(zip(self.columns, self.to_columns or self.columns, strict=True))

    def _is_implied_by(self, found: Self) -> bool:
        return super()._is_implied_by(found) and (found.to, found.pairs) == (self.to, self.pairs)

    @model_validator(mode="after")
    def _has_pairs(self) -> "ReferenceCheck":
        if self.to_columns is not None and len(self.to_columns) != len(self.columns):
            raise ValueError(f"expected {len(self.columns)} to_columns, found {len(self.to_columns)}")
        return self


class ExpressionCheck(_CheckOfRows):
    """A polars expression is true. The expression itself is in the code."""

    check: Literal["expression"]
    expected: Text | None = None
    """Description of the condition, for people."""


class FunctionCheck(_CheckOfRows):
    """A function of the department returns `True`. The function itself is in the code."""

    check: Literal["function"]
    expected: Text | None = None
    """Description of the condition, for people."""


PublishedCheck = Annotated[
    UniqueCheck | RowCountCheck | RowCountChangeCheck | FreshCheck | ReferenceCheck | ExpressionCheck | FunctionCheck,
    Field(discriminator="check"),
]
Checks = dict[Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")], PublishedCheck]
"""Checks by name."""


def loosened_check(name: str, wanted: PublishedCheck, found: Mapping[str, PublishedCheck]) -> str | None:
    """Return which guarantee of `wanted` no check of `found` implies, as expected and found; `None` if one does.

    Checks that are data are compared by content under any name; expressions and functions by name only.

    >>> minimum = RowCountCheck(check="row_count", minimum=1000)
    >>> loosened_check("rows", minimum, {"rows": RowCountCheck(check="row_count", minimum=10)})
    '{check: row_count, minimum: 1000, on_fail: block}, found {check: row_count, minimum: 10, on_fail: block}'
    >>> loosened_check("rows", minimum, {"more_rows": RowCountCheck(check="row_count", minimum=2000)})
    """
    same_name = found.get(name)
    by_name = isinstance(wanted, ExpressionCheck | FunctionCheck)
    candidates = [same_name] if by_name and same_name is not None else [] if by_name else list(found.values())
    if any(wanted.is_kept_by(one) for one in candidates):
        return None
    return f"{wanted}, found {'no such check' if same_name is None else same_name}"
