"""Applying: all kinds together."""

import pytest

from airnub_cli.apply.change import Action, Change
from airnub_cli.apply.desired_state import compare, counts, send
from airnub_cli.prefect_api import BackendError
from airnub_prefect.errors import ConfigurationError

VALUES = {"TOKEN": "x"}


def test_a_second_run_sends_nothing(filled_repository, server):
    """Everything is created, in an order that works; then all of it is unchanged."""
    changes = list(filled_repository.apply(values=VALUES).values())
    assert counts(changes) == {"created": 6, "updated": 0, "unchanged": 0}
    assert [change.kind for change in changes] == [
        "block", "work pool", "work queue", "work queue", "variable", "automation"
    ]  # fmt: skip
    assert set(filled_repository.actions(values=VALUES).values()) == {"unchanged"}


def test_mistakes_of_all_files_are_reported_together(filled_repository):
    """Nobody is asked before the repository is right."""
    department = filled_repository.department
    filled_repository.write(f"configs/variables/{department}/ingestion.yaml", "stoer: data\n")
    filled_repository.write("infra/work-pools/bad.yaml", "name: bad\ntype: dokcer\n")
    with pytest.raises(ConfigurationError) as raised:
        filled_repository.wanted()
    told = str(raised.value)
    assert "unknown key 'stoer'" in told
    assert "bad.yaml:2: type: expected 'docker', 'process' or 'kubernetes', found 'dokcer'" in told
    assert "expected TOKEN in the environment" in told


def test_comparing_sends_nothing(filled_repository, server):
    """What is to be done can be told without doing it."""
    changes = compare(server, filled_repository.wanted(values=VALUES))
    assert counts(changes)["created"] == 6
    assert server.get(f"/work_pools/{filled_repository.pool}") is None


def test_what_was_sent_before_a_failure_is_reported():
    """The next run sends the rest."""

    def refuse():
        raise BackendError("no")

    told = []
    changes = [
        Change("variable", "a", Action.CREATED, lambda: None),
        Change("variable", "b", Action.UNCHANGED, refuse),
        Change("variable", "c", Action.UPDATED, refuse),
    ]
    with pytest.raises(BackendError, match=r"(?s)variable c: no.*1 of 2 changes were sent before this one"):
        send(changes, told.append)
    assert [change.name for change in told] == ["a"]
