"""Tolerance: how many items of a run, or rows of a dataset, may fail, as a number or a share such as `5%`."""

import re
from decimal import Decimal
from typing import Annotated

from pydantic import AfterValidator, Field

_SHARE = re.compile(r"(\d+(?:\.\d+)?)\s*%")


def _share(text: str) -> str:
    match = _SHARE.fullmatch(text)
    if match is None or Decimal(match.group(1)) > 100:
        raise ValueError("expected a number, or a share such as '5%'")
    return text


def _growth(text: str) -> str:
    if _SHARE.fullmatch(text) is None:
        raise ValueError("expected a number, or a share such as '150%'")
    return text


Tolerance = Annotated[int, Field(ge=0, le=2**63 - 1)] | Annotated[str, AfterValidator(_share)]
Growth = Annotated[int, Field(ge=0, le=2**63 - 1)] | Annotated[str, AfterValidator(_growth)]
"""The same for an allowed growth, whose share may exceed 100 %."""


def tolerates(tolerance: int | str, failed: int, items: int) -> bool:
    """Whether `failed` of so many `items` is within the tolerance."""
    if isinstance(tolerance, int):
        return failed <= tolerance
    return failed * 100 <= items * _percent(tolerance)


def allows_no_more(found: int | str | None, wanted: int | str) -> bool:
    """Whether `found` is at least as strict as `wanted`; `None` tolerates everything.

    >>> allows_no_more("5%", "10%"), allows_no_more(200, 100), allows_no_more(5, "10%")
    (True, False, False)

    A number and a share cannot be compared.
    """
    if isinstance(found, int) and isinstance(wanted, int):
        return found <= wanted
    if not isinstance(found, str) or not isinstance(wanted, str):
        return False
    return _percent(found) <= _percent(wanted)


def _percent(share: str) -> Decimal:
    match = _SHARE.fullmatch(share)
    assert match is not None, "validated when it was read"
    return Decimal(match.group(1))
