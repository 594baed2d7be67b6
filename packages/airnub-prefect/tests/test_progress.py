"""Progress of a batch."""

from airnub_core import Outcome, Report, Status
from airnub_prefect.progress import BatchProgress, progress_to, report_stage_finished

STORED = Outcome("a", Status.STORED)


class Heard:
    """A listener."""

    def __init__(self):
        self.all = []

    def expect(self, batch, items):
        self.all.append((batch, items))

    def outcome(self, batch, outcome):
        self.all.append((batch, outcome))

    def stage_finished(self, stage, report, failure):
        self.all.append((stage, report.counts["stored"], failure))


def test_percent():
    """Items that have ended, of those expected so far; never more than all."""
    progress = BatchProgress("files")
    assert progress.percent == 0
    progress.expect(4)
    progress.outcome(STORED)
    assert progress.percent == 25
    for _ in range(9):
        progress.outcome(STORED)
    assert progress.percent == 100


def test_a_listener_receives_batches_of_its_block():
    """Batches that begin outside of the block are not passed on."""
    before, heard = BatchProgress("before"), Heard()
    with progress_to(heard):
        inside = BatchProgress("inside")
    for progress in (before, inside, BatchProgress("after")):
        progress.expect(1)
        progress.outcome(STORED)
    assert heard.all == [("inside", 1), ("inside", STORED)]


def test_a_listener_receives_finished_stages():
    """Each with its report, and the reason of a failure; without a listener nothing happens."""
    heard = Heard()
    report_stage_finished("before", Report([STORED]), None)
    with progress_to(heard):
        report_stage_finished("ingestion", Report([STORED]), None)
        report_stage_finished("processing", Report([]), "too much failed")
    assert heard.all == [("ingestion", 1, None), ("processing", 0, "too much failed")]
