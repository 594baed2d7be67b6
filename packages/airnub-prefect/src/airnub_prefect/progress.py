"""Progress of a batch, printed when a flow is run by hand."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Protocol

from airnub_core import Outcome, Report


class Listener(Protocol):
    """Somebody who wants to know while it happens."""

    def expect(self, batch: str, items: int) -> None:
        """So many more items of a batch are to come."""
        ...

    def outcome(self, batch: str, outcome: Outcome) -> None:
        """One item has ended."""
        ...

    def stage_finished(self, stage: str, report: Report, failure: str | None) -> None:
        """A stage has ended; `failure` says why it failed, `None` where it completed."""
        ...


_listener: ContextVar[Listener | None] = ContextVar("listener", default=None)


@contextmanager
def progress_to(listener: Listener) -> Iterator[None]:
    """Whoever runs a flow in this process hears of its items while the block runs."""
    token = _listener.set(listener)
    try:
        yield
    finally:
        _listener.reset(token)


def report_stage_finished(stage: str, report: Report, failure: str | None) -> None:
    """Pass on that a stage has ended: of a pipeline that fails, only this says what became of the stages before."""
    listener = _listener.get()
    if listener is not None:
        listener.stage_finished(stage, report, failure)


class BatchProgress:
    """Counts the items of one batch, and passes them on."""

    def __init__(self, batch: str) -> None:
        self.batch = batch
        self.expected = 0
        self.ended = 0
        self._listener = _listener.get()

    @property
    def percent(self) -> float:
        """0 to 100."""
        return 100 * min(self.ended / self.expected, 1) if self.expected else 0

    def expect(self, items: int) -> None:
        """So many more items are to come."""
        self.expected += items
        if self._listener is not None:
            self._listener.expect(self.batch, items)

    def outcome(self, outcome: Outcome) -> None:
        """One item has ended."""
        self.ended += 1
        if self._listener is not None:
            self._listener.outcome(self.batch, outcome)


class ShareProgress:
    """How much of one piece of work is done; set from any thread."""

    def __init__(self) -> None:
        self.share = 0.0
        """0 to 1."""

    @property
    def percent(self) -> float:
        """0 to 100."""
        return 100 * min(self.share, 1)

    def set(self, share: float) -> None:
        """So much is done, 0 to 1."""
        self.share = share
