"""Published: what a department's code makes for others; `airnub check` holds it against the contract in its file."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from airnub_core.contracts.checks import FieldValues, PublishedCheck

Kind = Literal["dataset", "event"]


@dataclass(frozen=True, slots=True)
class ContractSchema:
    """One version of one thing, as the code makes it."""

    kind: Kind
    name: str
    version: int
    fields: Mapping[str, tuple[str, bool]]
    """The type of each, as `field_types` names it where it can be published, and whether it may be missing."""
    key: tuple[str, ...] = ()
    """Fields that tell rows apart."""
    values: Mapping[str, FieldValues] = field(default_factory=dict)
    """What values fields have, of those that say it."""
    checks: Mapping[str, PublishedCheck] = field(default_factory=dict)
    """What holds for each version, by the names of the checks."""
    partitioned_by: tuple[str, ...] = ()
    """Fields that decide in which file of a table a row is."""
    made_of: tuple[str, ...] = ()
    """The published datasets that it is made of, `department/name` or `department/name.v2`, also by way of datasets of
    its own department."""


def versioned(name: str, version: int) -> str:
    """How files that hold one version are named, without their suffix."""
    return f"{name}.v{version}"
