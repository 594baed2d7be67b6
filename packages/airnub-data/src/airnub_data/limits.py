"""Limits: what a commit may quarantine and remove before a person has to accept it."""

from collections.abc import Sequence
from dataclasses import dataclass

from pydantic import TypeAdapter, ValidationError

from airnub_core.errors import DatasetError
from airnub_core.outcome import Violation
from airnub_core.tolerance import Tolerance, tolerates

_NAMED_RULES = 3
"""Rules that the message of an error names; its `violations` are all of them."""
_TOLERANCE: TypeAdapter[int | str] = TypeAdapter(Tolerance)


@dataclass(frozen=True, slots=True)
class Limits:
    """Each a number of rows, or a share such as `5%`."""

    max_quarantined: int | str = "10%"
    """Of the rows read."""
    max_shrink: int | str = "50%"
    """Of the rows of the version before."""


class LimitError(DatasetError):
    """A commit would be beyond a limit; the version before stays."""

    def __init__(self, dataset: str, reason: str, quarantined: int, violations: Sequence[Violation]) -> None:
        super().__init__(dataset, reason)
        self.quarantined = quarantined
        """Rows that break a rule."""
        self.violations = tuple(violations)
        """The rules, by the number of rows."""


def check_limit(dataset: str, name: str, value: int | str) -> None:
    """Raises:
    DatasetError: a limit of a declaration is neither a number of rows nor a share.
    """
    try:
        _TOLERANCE.validate_python(value)
    except ValidationError as error:
        reason = f"expected a number of rows as {name}, or a share such as '5%', found {value!r}"
        raise DatasetError(dataset, reason) from error


def check_quarantined(
    dataset: str, limits: Limits, quarantined: int, read: int, violations: Sequence[Violation]
) -> None:
    """Raises:
    LimitError: more rows break a rule than the limit allows.
    """
    if not tolerates(limits.max_quarantined, quarantined, read):
        named = "; ".join(map(str, violations[:_NAMED_RULES]))
        raise LimitError(
            dataset,
            f"expected at most {limits.max_quarantined} of the rows read to break a rule (max_quarantined), "
            f"found {quarantined:,} of {read:,}; {_refused('correct the source or the declaration', dataset)}. {named}",
            quarantined,
            violations,
        )


def check_shrink(
    dataset: str, limits: Limits, before: int, after: int, quarantined: int, violations: Sequence[Violation]
) -> None:
    """Raises:
    LimitError: more rows would go than the limit allows; to have none any more is 100 %.
    """
    if after < before and not tolerates(limits.max_shrink, before - after, before):
        raise LimitError(
            dataset,
            f"expected to lose at most {limits.max_shrink} of {before:,} rows (max_shrink), found {after:,} rows left; "
            f"{_refused('see what the source has now', dataset)}",
            quarantined,
            violations,
        )


def _refused(advice: str, dataset: str) -> str:
    """What to do; before the rules, of which a table of outcomes shows only the first."""
    accept = f"accept it once with `run processing --accept {dataset}`"
    return f"nothing was committed, and the version before stays: {advice}, or {accept}"
