"""Limits: how many rows a commit may quarantine and remove without explicit acceptance."""

from collections.abc import Sequence
from dataclasses import dataclass

from pydantic import TypeAdapter, ValidationError

from airnub_core.contracts.limits import Tolerance, tolerates
from airnub_core.errors import DatasetError
from airnub_core.outcome import Violation

_NAMED_RULES = 3
"""Maximum number of violated rules in an error message; the attribute `violations` has all of them."""
_TOLERANCE: TypeAdapter[int | str] = TypeAdapter(Tolerance)


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits of a commit, each a number of rows or a share such as `5%`."""

    max_quarantined: int | str = "10%"
    """Maximum of quarantined rows; a share refers to the rows read."""
    max_shrink: int | str = "50%"
    """Maximum of removed rows; a share refers to the rows of the previous version."""


class LimitError(DatasetError):
    """A commit would exceed a limit; the previous version stays current."""

    def __init__(self, dataset: str, reason: str, quarantined: int, violations: Sequence[Violation]) -> None:
        super().__init__(dataset, reason)
        self.quarantined = quarantined
        """Number of quarantined rows."""
        self.violations = tuple(violations)
        """Violated rules, the one with the most rows first."""


def check_limit(dataset: str, name: str, value: int | str) -> None:
    """Validate a limit of a declaration.

    Raises:
        DatasetError: the limit is neither a number of rows nor a share.
    """
    try:
        _TOLERANCE.validate_python(value)
    except ValidationError as error:
        reason = f"expected a number of rows as {name}, or a share such as '5%', found {value!r}"
        raise DatasetError(dataset, reason) from error


def check_quarantined(
    dataset: str, limits: Limits, quarantined: int, read: int, violations: Sequence[Violation]
) -> None:
    """Verify that the quarantined rows are within `max_quarantined`.

    Raises:
        LimitError: the limit is exceeded.
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
    """Verify that the removed rows are within `max_shrink`; an empty new version has lost 100 %.

    Raises:
        LimitError: the limit is exceeded.
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
    """Return the advice of an error.

    It precedes the rules, since a table of outcomes shows only the beginning of a message.
    """
    accept = f"accept it once with `run processing --accept {dataset}`"
    return f"nothing was committed; the previous version stays: {advice}, or {accept}"
