"""Outcomes: what became of each item, and the report of a stage."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any, Literal

from airnub_core.errors import IngestError
from airnub_core.moved import MOVED

OnFail = Literal["warn", "block"]
"""What a check of a dataset does when it fails."""


class Status(StrEnum):
    """How an item ended."""

    STORED = "stored"
    UPDATED = "updated"
    UNCHANGED = "unchanged"
    FAILED = "failed"
    GONE = "gone"
    """Its URL is withdrawn; no failure."""
    SKIPPED = "skipped"
    """Not made this time, since what it is made of is not complete; `warning` says why. No failure."""


NEW = frozenset({Status.STORED, Status.UPDATED})
"""Of what there is more, or other bytes or rows, than before."""
_RARE = frozenset({Status.GONE, Status.SKIPPED})


@dataclass(frozen=True, slots=True)
class Violation:
    """A rule of a schema that rows of a dataset break."""

    rule: str
    """Such as `rain: expected at least 0`."""
    rows: int
    """How many break it; a row may break several rules."""
    example: str
    """What the first of them has there."""

    def __str__(self) -> str:
        return f"{self.rule}, found {self.example} (rows: {self.rows:,})"


@dataclass(frozen=True, slots=True)
class CheckResult:
    """What a check of a dataset found."""

    name: str
    passed: bool
    on_fail: OnFail
    """`block`: a failure stops the commit; `warn`: it is reported."""
    expected: str
    found: str
    value: float | None = None
    """The number that it judged, such as a count of rows or an age in hours; `None` where it judges none."""
    unit: str | None = None
    """What the number counts."""

    def __str__(self) -> str:
        return f"check {self.name}: expected {self.expected}, found {self.found}"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one item: a URL in ingestion, a dataset or a report in later stages."""

    source: str
    kind: Status
    url: str | None = None
    """Redacted."""
    digest: str | None = None
    path: str | None = None
    """Of the object or file, relative to the store or to the folder of results."""
    manifest: str | None = None
    size: int | None = None
    """In bytes."""
    attempts: int = 1
    error: IngestError | None = None
    rows: int | None = None
    """Of a dataset."""
    version: int | None = None
    """Of a dataset's table."""
    rows_read: int | None = None
    """Rows of all the objects that a dataset is made of."""
    seconds: float | None = None
    """What making a version of a dataset took."""
    quarantined: int | None = None
    """Rows of a dataset that did not fit its schema."""
    superseded: int | None = None
    """Rows of a dataset that lost against a newer row of their key."""
    objects: int | None = None
    """Objects that a dataset is made of."""
    inputs: Mapping[str, int] = field(default_factory=dict)
    """Datasets that a dataset is made of, and their versions."""
    violations: tuple[Violation, ...] = ()
    """Why rows were quarantined; the rule that most of them break comes first."""
    checks: tuple[CheckResult, ...] = ()
    """What the checks of a dataset found, in the order of its declaration."""
    note: str | None = None
    """What was found, in a sentence."""
    warning: str | None = None
    """What a person should look at although the item did not fail, in a sentence."""

    def as_json(self) -> dict[str, Any]:
        """The item as it is published; from `rows` on each field is there only where it means something."""
        item: dict[str, Any] = {
            "source": self.source,
            "url": self.url,
            "outcome": self.kind.value,
            "digest": self.digest,
            "path": self.path,
            "manifest": self.manifest,
            "size": self.size,
            "attempts": self.attempts,
            "error": None if self.error is None else self.error.as_json(),
        }
        if self.rows is not None:
            item["rows"] = self.rows
        if self.rows is not None or self.quarantined:
            item["quarantined"] = self.quarantined or 0
        if self.rows_read is not None:
            item["rows_read"] = self.rows_read
        if self.version is not None:
            item["version"] = self.version
        if self.seconds is not None:
            item["seconds"] = self.seconds
        if self.superseded:
            item["superseded"] = self.superseded
        if self.inputs:
            item["inputs"] = dict(self.inputs)
        if self.violations:
            item["violations"] = [asdict(violation) for violation in self.violations]
        if self.checks:
            item["checks"] = [
                {name: value for name, value in asdict(check).items() if value is not None} for check in self.checks
            ]
        if self.note is not None:
            item["note"] = self.note
        if self.warning is not None:
            item["warning"] = self.warning
        return item


class Report:
    """What became of all items of a stage, or of a part of it.

    No dataclass: Prefect looks at every field of those that a flow returns, and so at those of each outcome, 0.2 s for
    5,000, as often as there are flows on the way.
    """

    __slots__ = ("outcomes",)

    def __init__(self, outcomes: Sequence[Outcome] = ()) -> None:
        self.outcomes = outcomes

    @property
    def counts(self) -> dict[str, int]:
        """Items by how they ended; `gone` and `skipped` are named only where an item is, all others always."""
        counted = Counter(outcome.kind for outcome in self.outcomes)
        return {kind.value: counted[kind] for kind in Status if kind not in _RARE or counted[kind]}

    @property
    def failed(self) -> list[Outcome]:
        """The items that failed, in their order."""
        return [outcome for outcome in self.outcomes if outcome.kind is Status.FAILED]

    @property
    def skipped(self) -> list[Outcome]:
        """The items that were not made since what they are made of is not complete, in their order."""
        return [outcome for outcome in self.outcomes if outcome.kind is Status.SKIPPED]

    @property
    def new_bytes(self) -> int:
        """Size of what was stored or updated."""
        return sum(outcome.size or 0 for outcome in self.outcomes if outcome.kind in NEW)

    def __add__(self, other: "Report") -> "Report":
        return Report((*self.outcomes, *other.outcomes))

    def __eq__(self, other: object) -> bool:
        return list(self.outcomes) == list(other.outcomes) if isinstance(other, Report) else NotImplemented

    def __repr__(self) -> str:
        return f"Report({list(self.outcomes)!r})"


def __getattr__(name: str) -> Any:
    return MOVED.renamed(__name__, name)
