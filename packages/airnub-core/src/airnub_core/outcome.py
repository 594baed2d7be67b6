"""Outcomes: the result of each item, the report of a stage, and the files that later stages write as their results."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, Literal

from airnub_common import digest_of, write_atomic
from airnub_core.errors import IngestError, StoreError
from airnub_core.moved import MOVED

OnFail = Literal["warn", "block"]
"""Effect of a failed check of a dataset."""


class Status(StrEnum):
    """How an item ended."""

    STORED = "stored"
    UPDATED = "updated"
    UNCHANGED = "unchanged"
    FAILED = "failed"
    GONE = "gone"
    """The URL is withdrawn; not a failure."""
    SKIPPED = "skipped"
    """Not made in this run, since an input is incomplete; `warning` says why. Not a failure."""


NEW = frozenset({Status.STORED, Status.UPDATED})
"""Outcomes that brought new or changed bytes or rows."""
_RARE = frozenset({Status.GONE, Status.SKIPPED})
_NO_INPUTS: Mapping[str, int] = {}
"""Shared by all items of an ingestion: a dictionary each would be 64 of the 720 bytes that an outcome takes."""


@dataclass(frozen=True, slots=True)
class Violation:
    """A rule of a schema that rows of a dataset break."""

    rule: str
    """Such as `rain: expected at least 0`."""
    rows: int
    """Number of rows that break it; a row may break several rules."""
    example: str
    """The value of the first such row."""

    def __str__(self) -> str:
        return f"{self.rule}, found {self.example} (rows: {self.rows:,})"


@dataclass(frozen=True, slots=True)
class CheckResult:
    """The result of one check of a dataset."""

    name: str
    passed: bool
    on_fail: OnFail
    """`block`: a failure stops the commit; `warn`: it is reported."""
    expected: str
    found: str
    value: float | None = None
    """The number that was checked, such as a count of rows or an age in hours; `None` for a check without a number."""
    unit: str | None = None
    """The unit of `value`."""

    def __str__(self) -> str:
        return f"check {self.name}: expected {self.expected}, found {self.found}"


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result of one item: a URL in ingestion, a dataset or a report in later stages."""

    source: str
    kind: Status
    url: str | None = None
    """Redacted."""
    digest: str | None = None
    path: str | None = None
    """Path of the object or file, relative to the store or to the results folder."""
    manifest: str | None = None
    size: int | None = None
    """Size in bytes."""
    attempts: int = 1
    error: IngestError | None = None
    rows: int | None = None
    """Number of rows of a dataset."""
    version: int | None = None
    """Version of a dataset's table."""
    rows_read: int | None = None
    """Rows of all the objects that a dataset is made of."""
    seconds: float | None = None
    """Duration of making a version of a dataset."""
    quarantined: int | None = None
    """Rows of a dataset that did not fit its schema."""
    superseded: int | None = None
    """Rows of a dataset that were replaced by a newer row with the same key."""
    objects: int | None = None
    """Objects that a dataset is made of."""
    inputs: Mapping[str, int] = field(default_factory=lambda: _NO_INPUTS)
    """Datasets that a dataset is made of, and their versions."""
    violations: tuple[Violation, ...] = ()
    """Why rows were quarantined; the rule that most of them break comes first."""
    checks: tuple[CheckResult, ...] = ()
    """Results of the checks of a dataset, in the order of its declaration."""
    note: str | None = None
    """Details of the outcome, as one sentence."""
    warning: str | None = None
    """A problem to review although the item did not fail, as one sentence."""

    def as_json(self) -> dict[str, Any]:
        """The published form of the item; optional fields, from `rows` on, are present only if they apply."""
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
        optional = {
            "rows": self.rows,
            "quarantined": self.quarantined or (None if self.rows is None else 0),
            "rows_read": self.rows_read,
            "version": self.version,
            "seconds": self.seconds,
            "superseded": self.superseded or None,
            "inputs": dict(self.inputs) or None,
            "violations": [asdict(violation) for violation in self.violations] or None,
            "checks": [_without_none(asdict(check)) for check in self.checks] or None,
            "note": self.note,
            "warning": self.warning,
        }
        return item | _without_none(optional)


def _without_none(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}


class Report:
    """The outcomes of all items of a stage, or of a part of it.

    It is not a dataclass, since Prefect visits every field of a dataclass that a flow returns, down to each outcome:
    0.2 s for 5,000 outcomes, once for each flow that passes it on.
    """

    __slots__ = ("outcomes",)

    def __init__(self, outcomes: Sequence[Outcome] = ()) -> None:
        self.outcomes = outcomes

    @property
    def counts(self) -> dict[str, int]:
        """Number of items by status; `gone` and `skipped` are included only if not 0, the others always."""
        counted = Counter(outcome.kind for outcome in self.outcomes)
        return {kind.value: counted[kind] for kind in Status if kind not in _RARE or counted[kind]}

    @property
    def failed(self) -> list[Outcome]:
        """The failed items, in their order."""
        return [outcome for outcome in self.outcomes if outcome.kind is Status.FAILED]

    @property
    def skipped(self) -> list[Outcome]:
        """The items that were not made since an input is incomplete, in their order."""
        return [outcome for outcome in self.outcomes if outcome.kind is Status.SKIPPED]

    @property
    def new_bytes(self) -> int:
        """Total size in bytes of the items that were stored or updated."""
        return sum(outcome.size or 0 for outcome in self.outcomes if outcome.kind in NEW)

    def __add__(self, other: "Report") -> "Report":
        return Report((*self.outcomes, *other.outcomes))

    def __eq__(self, other: object) -> bool:
        return list(self.outcomes) == list(other.outcomes) if isinstance(other, Report) else NotImplemented

    def __repr__(self) -> str:
        return f"Report({list(self.outcomes)!r})"


def write_result(folder: Path, name: str, content: bytes, source: str, *, note: str | None = None) -> Outcome:
    """Write a file of results: it is whole or not there, and not written again when nothing changed.

    Args:
        folder: of all results of its kind; the outcome's path is relative to it.
        name: of the file, with `/` for folders.
        content: its bytes.
        source: what the outcome is reported under.
        note: what was found, in a sentence.

    Returns:
        `stored` for a new file, `updated` for new bytes, `unchanged` where it holds these bytes already.

    Raises:
        StoreError: the folder cannot be written, or the disk is full.
    """
    path, digest = folder / name, digest_of(content)
    kind = Status.STORED
    try:
        if path.exists():
            kind = Status.UNCHANGED if digest_of(path) == digest else Status.UPDATED
        if kind is not Status.UNCHANGED:
            write_atomic(path, content)
    except OSError as error:
        raise StoreError.of(error, path) from error
    return Outcome(source, kind, digest=digest, path=name, size=len(content), note=note)


def remove_result(folder: Path, name: str) -> None:
    """Remove a file of results, if it is there.

    Raises:
        StoreError: it cannot be removed.
    """
    try:
        (folder / name).unlink(missing_ok=True)
    except OSError as error:
        raise StoreError.of(error, folder / name) from error


def __getattr__(name: str) -> Any:
    return MOVED.renamed(__name__, name)
