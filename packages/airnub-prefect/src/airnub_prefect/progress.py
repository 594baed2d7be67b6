"""Progress of batches and stages, passed to a listener when a command runs a flow."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Protocol

from airnub_core import Outcome, Report


class Listener(Protocol):
    """Receives the progress of a flow while it runs."""

    def expect(self, batch: str, items: int) -> None:
        """Add to the expected items of a batch."""
        ...

    def outcome(self, batch: str, outcome: Outcome) -> None:
        """Receive the outcome of an item."""
        ...

    def stage_finished(self, stage: str, report: Report, failure: str | None) -> None:
        """Receive the report of a stage; `failure` is the reason if it failed, `None` if it completed."""
        ...


_listener: ContextVar[Listener | None] = ContextVar("listener", default=None)


@contextmanager
def progress_to(listener: Listener) -> Iterator[None]:
    """Pass the progress of flows in this process to `listener` while the block runs."""
    token = _listener.set(listener)
    try:
        yield
    finally:
        _listener.reset(token)


def report_stage_finished(stage: str, report: Report, failure: str | None) -> None:
    """Pass the report of a stage to the listener, which shows finished stages even if the pipeline fails later."""
    listener = _listener.get()
    if listener is not None:
        listener.stage_finished(stage, report, failure)


class BatchProgress:
    """Counts the items of one batch, and passes their outcomes to the listener."""

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
        """Add to the expected items."""
        self.expected += items
        if self._listener is not None:
            self._listener.expect(self.batch, items)

    def outcome(self, outcome: Outcome) -> None:
        """Count the outcome of an item."""
        self.ended += 1
        if self._listener is not None:
            self._listener.outcome(self.batch, outcome)


class ShareProgress:
    """Progress of one piece of work; `set` may be called from any thread."""

    def __init__(self) -> None:
        self.share = 0.0
        """0 to 1."""

    @property
    def percent(self) -> float:
        """0 to 100."""
        return 100 * min(self.share, 1)

    def set(self, share: float) -> None:
        """Set the share that is done, 0 to 1."""
        self.share = share
