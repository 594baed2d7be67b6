"""Limits: what a commit may quarantine and remove before it needs a person's word."""

import re
from dataclasses import dataclass

from airnub_core.errors import DatasetError

_SHARE = re.compile(r"^(\d+(?:\.\d+)?)\s*%$")


@dataclass(frozen=True, slots=True)
class Limits:
    """Each a number of rows, or a share such as `5%`."""

    max_quarantined: float | str = "10%"
    """Of the rows read."""
    max_shrink: float | str = "50%"
    """Of the rows of the version before."""


def check_quarantined(dataset: str, limits: Limits, quarantined: int, read: int, reasons: str) -> None:
    """Raises:
    DatasetError: more rows do not fit than the limit allows.
    """
    if _above(limits.max_quarantined, quarantined, read):
        raise DatasetError(
            dataset,
            f"expected at most {limits.max_quarantined} of {read:,} rows in quarantine (max_quarantined), "
            f"found {quarantined:,}: {reasons}; nothing was committed. Mend the source or the declaration, or let it "
            f"pass once: run processing --accept {dataset}",
        )


def check_shrink(dataset: str, limits: Limits, before: int, after: int) -> None:
    """Raises:
    DatasetError: more rows would go than the limit allows.
    """
    if after < before and _above(limits.max_shrink, before - after, before):
        raise DatasetError(
            dataset,
            f"expected to lose at most {limits.max_shrink} of {before:,} rows (max_shrink), found {after:,} rows left; "
            "nothing was committed. See what the source has now, or let it pass once: "
            f"run processing --accept {dataset}",
        )


def _above(limit: float | str, count: int, whole: int) -> bool:
    if isinstance(limit, str):
        share = _SHARE.match(limit.strip())
        if share is None:
            raise ValueError(f"expected a number of rows, or a share such as 5%, found {limit!r}")
        return count * 100 > float(share.group(1)) * whole
    return count > limit
