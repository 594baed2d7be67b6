"""Published: what a department's code makes for others; `airnub check` holds it against the contract in its file."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Kind = Literal["dataset", "event"]
FieldType = Literal[
    "string", "boolean", "date", "datetime_ms", "datetime_us", "datetime_ns", "float32", "float64",
    "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64",
]  # fmt: skip
"""What a field may hold. Times are in UTC, and their type says what they count, for readers join equal types alone."""


@dataclass(frozen=True, slots=True)
class Published:
    """One version of one thing, as the code makes it."""

    kind: Kind
    name: str
    version: int
    fields: Mapping[str, tuple[str, bool]]
    """The type of each, a `FieldType` where it can be published, and whether it may be missing."""
    key: tuple[str, ...] = ()
    """Fields that tell rows apart."""


def versioned(name: str, version: int) -> str:
    """How files that hold one version are named, without their suffix."""
    return f"{name}.v{version}"
