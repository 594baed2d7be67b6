"""Errors of the Prefect integration: invalid configuration or use, and a failed stage."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from airnub_common import redact_text, redact_url

if TYPE_CHECKING:
    # The embedded server is started before slow imports.
    from collections.abc import Mapping, Sequence
    from pathlib import Path
    from typing import Self

    from airnub_core import IngestError, Report

NAMED_FAILURES = 20
"""Maximum number of failed items in the message of a run; its table artifact has all of them."""


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """An error or a warning, with file or setting and line; `line` counts from 1, `None` if there is none."""

    where: str
    line: int | None
    message: str
    is_warning: bool = False
    """Whether it is probably unfinished, but may be intended: it fails no command."""

    def __str__(self) -> str:
        place = f"{self.where}:{self.line}" if self.line else self.where
        return f"{place}: warning: {self.message}" if self.is_warning else f"{place}: {self.message}"


class ConfigurationError(Exception):
    """The configuration is invalid; all errors in it are reported, and nothing was run."""

    def __init__(self, mistakes: Sequence[Diagnostic]) -> None:
        super().__init__(list(mistakes))
        self.mistakes = list(mistakes)

    @classmethod
    def of(cls, where: str | Path, message: str) -> Self:
        """A single error without a line."""
        return cls([Diagnostic(str(where), None, message)])

    def __str__(self) -> str:
        return "\n".join(map(str, self.mistakes))


class ArgumentError(ConfigurationError):
    """An argument of a command, or a parameter of a run, is invalid; nothing was done."""


class UnknownNameError(ArgumentError):
    """A run has a name that its settings do not have; in a pipeline, later stages are not run either."""


class StageFailedError(Exception):
    """More items of a stage failed than it tolerates; `report` has the outcome of each."""

    def __init__(self, stage: str, report: Report, tolerated: str) -> None:
        super().__init__(stage, report, tolerated)
        self.stage = stage
        self.report = report
        self.tolerated = tolerated

    def __repr__(self) -> str:
        # Prefect logs it, and 5,000 outcomes do not belong into one line of the log.
        return f"StageFailedError({self.stage!r}, {self.report.counts})"

    @property
    def headline(self) -> str:
        """The number of failed items, and what to do about them, without their names."""
        from airnub_core.errors import AGAIN, StoreError

        failed = self.report.failed
        transient = sum(outcome.error is not None and outcome.error.transient for outcome in failed)
        # A store or a disk that cannot be written: a retry helps once its cause is gone.
        causes = dict.fromkeys(
            outcome.error.advice or "correct the cause"
            for outcome in failed
            if isinstance(outcome.error, StoreError) and outcome.error.remedy == StoreError.remedy
        )
        steps = [f"{transient} of them may succeed in another run"] if transient else []
        steps += [f"{'; '.join(causes)}, then {AGAIN}"] if causes else []
        advice = "; ".join(steps) or "a retry will not help"
        head = f"{self.stage}: {len(failed)} of {len(self.report.outcomes)} items failed, tolerated: {self.tolerated}"
        others = "; the others are stored" if len(failed) < len(self.report.outcomes) else ""
        return f"{head}; {advice}{others}"

    def __str__(self) -> str:
        failed = self.report.failed
        # The message of a dataset's error begins with its name.
        lines = [
            f"  {outcome.source}: {str(outcome.error).removeprefix(f'{outcome.source}: ')}"
            for outcome in failed[:NAMED_FAILURES]
        ]
        if len(failed) > NAMED_FAILURES:
            lines.append(f"  and {len(failed) - NAMED_FAILURES} more; see the table of items")
        return "\n".join([self.headline, *lines])


class PipelineFailedError(StageFailedError):
    """Stages of a pipeline failed; every stage was started.

    `reports` has the report of each stage, `report` their sum, and `failures` the error of each failed stage. A stage
    with an error other than a `StageFailedError` has no report.
    """

    def __init__(
        self,
        reports: Mapping[str, Report],
        failures: Mapping[str, StageFailedError | ConfigurationError | IngestError],
    ) -> None:
        from airnub_core import Report

        super().__init__("pipeline", sum(reports.values(), start=Report()), "none")
        self.args = (reports, failures)
        self.reports = reports
        self.failures = failures

    def __repr__(self) -> str:
        return f"PipelineFailedError({list(self.failures)!r})"

    @property
    def headline(self) -> str:
        """The number of failed items of each stage, and the skipped items; failed items are not named."""
        heads = [
            failure.headline if isinstance(failure, StageFailedError) else f"{stage}: {failure}"
            for stage, failure in self.failures.items()
        ]
        return "\n".join([*heads, *self._skipped()])

    def __str__(self) -> str:
        whole = [
            str(failure) if isinstance(failure, StageFailedError) else f"{stage}: {failure}"
            for stage, failure in self.failures.items()
        ]
        return "\n".join([*whole, *self._skipped()])

    def _skipped(self) -> list[str]:
        return [
            f"{stage}: {outcome.source}: {outcome.warning}"
            for stage, report in self.reports.items()
            for outcome in report.skipped
        ]


class HousekeepingFailedError(Exception):
    """The cleanup failed in some places of a department; `errors` has the reason by place."""

    def __init__(self, department: str, errors: Mapping[str, str]) -> None:
        super().__init__(department, dict(errors))
        self.department = department
        self.errors = dict(errors)

    def __str__(self) -> str:
        named = "; ".join(f"{place}: {error}" for place, error in self.errors.items())
        return (
            f"housekeeping of {self.department}: {len(self.errors)} places failed, all others were cleaned up: {named}"
        )


class ServerUnreachableError(Exception):
    """The configured Prefect server does not answer; `url` is redacted."""

    def __init__(self, url: str, reason: str) -> None:
        self.url = redact_url(url)
        self.reason = redact_text(reason)
        super().__init__(self.url, self.reason)

    def __str__(self) -> str:
        return (
            f"expected a Prefect server at {self.url} (PREFECT_API_URL), found none: {self.reason}. "
            "Start it (`uv run prefect server start`), or unset PREFECT_API_URL to run without one"
        )


class ServerLostError(ServerUnreachableError):
    """The Prefect server stopped answering while a flow ran."""

    def __str__(self) -> str:
        return (
            f"the Prefect server at {self.url} stopped answering while the flow ran: {self.reason}. "
            "Stored items are safe; when the server is back, run it again for the rest"
        )


class EmbeddedServerError(ServerUnreachableError):
    """The embedded server did not start; `reason` has the end of its log."""

    def __str__(self) -> str:
        return f"expected the embedded Prefect server to start, found: {self.reason}"
