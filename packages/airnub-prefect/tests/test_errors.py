"""Errors of the Prefect adapter."""

import errno
import os
import pickle

import pytest

from airnub_core import Outcome, Report, Status
from airnub_core.errors import DamagedObjectError, HttpStatusError, StoreError
from airnub_prefect.errors import (
    ConfigurationError,
    Diagnostic,
    EmbeddedServerError,
    ServerLostError,
    ServerUnreachableError,
    StageFailedError,
)


def report(*statuses):
    """A stored item, and one that failed for each status."""
    failed = [
        Outcome("b", Status.FAILED, error=HttpStatusError(f"https://b/{at}", of)) for at, of in enumerate(statuses)
    ]
    return Report([Outcome("a", Status.STORED), *failed])


def test_mistakes_are_lines():
    """Each mistake is a line that editors can jump to; without lines it has none."""
    error = ConfigurationError(
        [Diagnostic("a.yaml", 3, "unknown key 'x'"), Diagnostic("Variable v", None, "missing key 'y'")]
    )
    assert str(error) == "a.yaml:3: unknown key 'x'\nVariable v: missing key 'y'"


def test_the_message_of_a_failed_stage():
    """It counts the failures, names the first 20, and says whether a retry may help."""
    message = str(StageFailedError("ingestion", report(*[404] * 20, 503, 503), "none"))
    head, *named = message.splitlines()
    assert head == StageFailedError("ingestion", report(*[404] * 20, 503, 503), "none").headline
    assert head == (
        "ingestion: 22 of 23 items failed, tolerated: none; 2 of them may succeed in another run; the others are stored"
    )
    assert named[0] == "  b: https://b/0: expected status 200, found 404 Not Found"
    assert (len(named), named[-1]) == (21, "  and 2 more; see the table of items")
    assert "a retry will not help" in str(StageFailedError("ingestion", report(404), "none"))


def test_a_full_disk_is_no_failure_that_a_retry_cannot_help():
    """The headline and the item say the same: free space, then run again."""
    full = StoreError.of(OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)), "/data/orders")
    outcomes = [Outcome(name, Status.FAILED, error=full) for name in ("orders", "sales")]
    failed = StageFailedError("processing", Report(outcomes), "none")
    step = "free space, or inodes, on its file system, then run again, which continues where it stopped"
    assert failed.headline == f"processing: 2 of 2 items failed, tolerated: none; {step}"
    assert f"  orders: /data/orders: No space left on device; {step}; objects stored before are intact" in str(failed)
    assert "will not help" not in str(failed)
    both = StageFailedError("processing", Report([*outcomes, *report(503).failed]), "none")
    assert f"none; 1 of them may succeed in another run; {step}" in both.headline
    large = Outcome("orders", Status.FAILED, error=StoreError("/data/orders", "File too large"))
    headline = StageFailedError("processing", Report([large]), "none").headline
    assert headline.endswith("; correct the cause, then run again, which continues where it stopped")
    damaged = Outcome("orders", Status.FAILED, error=DamagedObjectError("/data/o", "found a different digest"))
    assert "a retry will not help" in StageFailedError("processing", Report([damaged]), "none").headline


def test_its_repr_is_short():
    """Prefect logs it, and 5,000 outcomes are no line of a log."""
    error = StageFailedError("ingestion", report(404), "none")
    assert repr(error) == "StageFailedError('ingestion', {'stored': 1, 'updated': 0, 'unchanged': 0, 'failed': 1})"


@pytest.mark.parametrize("kind", [ServerUnreachableError, ServerLostError, EmbeddedServerError])
def test_credentials_of_a_server_are_redacted(kind):
    """A URL with a password is named without it, also in the reason."""
    error = kind("https://me:hunter2@prefect.example/api", "no answer from https://me:hunter2@prefect.example/api")
    assert "hunter2" not in f"{error} {error!r}"
    assert "prefect.example" in str(error)


@pytest.mark.parametrize(
    "error",
    [
        ConfigurationError.of("a.yaml", "broken"),
        StageFailedError("ingestion", report(404), "5%"),
        ServerUnreachableError("http://a/api", "refused"),
        ServerLostError("http://a/api", "refused"),
        EmbeddedServerError("http://a/api", "refused"),
    ],
)
def test_errors_survive_pickling(error):
    """Task runners and results hand errors from process to process."""
    again = pickle.loads(pickle.dumps(error))
    assert (type(again), str(again)) == (type(error), str(error))
