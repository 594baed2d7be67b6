"""The environment mark of a server, and all kinds of objects together."""

from itertools import product

import pytest

from airnub_cli.apply.desired_state import (
    VARIABLE,
    Decision,
    check_known,
    compare,
    compare_mark,
    counts,
    decide,
    environment_of,
    send,
)
from airnub_cli.prefect_api import Action, BackendError, Change
from airnub_prefect.errors import ConfigurationError

# What the server has, what is asked for, --switch: what comes of it.
EXPECTED = {
    (None, None, False): ("apply", "local", None),
    (None, None, True): ("apply", "local", None),
    (None, "sample", False): ("apply", "sample", None),
    (None, "sample", True): ("apply", "sample", None),
    (None, "production", False): ("apply", "production", None),
    (None, "production", True): ("apply", "production", None),
    ("local", None, False): ("keep", "local", None),
    ("local", None, True): ("keep", "local", None),
    ("local", "sample", False): ("refuse", "sample", "local"),
    ("local", "sample", True): ("apply", "sample", "local"),
    ("local", "production", False): ("refuse", "production", "local"),
    ("local", "production", True): ("apply", "production", "local"),
    ("sample", None, False): ("keep", "sample", None),
    ("sample", None, True): ("keep", "sample", None),
    ("sample", "sample", False): ("apply", "sample", None),
    ("sample", "sample", True): ("apply", "sample", None),
    ("sample", "production", False): ("apply", "production", "sample"),
    ("sample", "production", True): ("apply", "production", "sample"),
    ("production", None, False): ("keep", "production", None),
    ("production", None, True): ("keep", "production", None),
    ("production", "sample", False): ("refuse", "sample", "production"),
    ("production", "sample", True): ("apply", "sample", "production"),
    ("production", "production", False): ("apply", "production", None),
    ("production", "production", True): ("apply", "production", None),
}


@pytest.mark.parametrize(
    ("has", "asked", "switch"),
    list(product((None, "local", "sample", "production"), (None, "sample", "production"), (False, True))),
)
def test_every_combination(has, asked, switch):
    """Without a request the present one is kept; a different one needs --switch, except after `sample`."""
    assert decide(has, asked, switch=switch) == Decision(*EXPECTED[has, asked, switch])


def test_the_default_is_of_servers_without_an_environment():
    """Compose starts with `sample`; a server with an environment keeps it."""
    assert decide(None, None, default="sample").environment == "sample"
    assert decide("production", None, default="sample").environment == "production"


def test_a_refusal_names_both_and_the_command():
    """The message has the commands for either environment."""
    message = str(decide("production", "sample"))
    assert "expected the environment of the server, production" in message
    assert "found sample" in message
    assert "`airnub apply --env sample --switch`" in message


def test_a_kept_environment_that_the_checkout_does_not_have():
    """The message names the Variable and the known environments."""
    with pytest.raises(ConfigurationError, match=r"airnub_environment.*expected one of the environments a, b, found"):
        check_known(decide("production", None), ["b", "a"])
    check_known(decide("production", None), ["production"])


def test_the_mark_is_written_and_read(empty_server):
    """From none to one environment, and to a different one; the second time nothing is sent."""
    assert environment_of(empty_server) is None
    for name, action in (("staging", "created"), ("production", "updated"), ("production", "unchanged")):
        change = compare_mark(empty_server, name)
        change.send()
        assert change.action.value == action
        assert environment_of(empty_server) == name


def test_a_server_of_an_earlier_version(empty_server, repository):
    """Variables without a mark are of `local`; the tag of deployments shows whether they use the sample sites."""
    repository.write(f"configs/variables/{repository.department}/ingestion.yaml", "store: data\n")
    repository.apply()
    assert environment_of(empty_server) == "local"
    flow = empty_server.post("/flows/", {"name": repository.pool})["id"]
    deployment = {"name": repository.pool, "flow_id": flow, "tags": ["airnub", "sources:sample"]}
    empty_server.post("/deployments/", deployment)
    assert environment_of(empty_server) == "sample"


def test_a_mark_without_a_name(empty_server):
    """The message names the Variable, and the command that corrects it."""
    empty_server.post("/variables/", {"name": VARIABLE, "value": {"a": 1}})
    with pytest.raises(BackendError, match="prefect variable set airnub_environment NAME --overwrite"):
        environment_of(empty_server)


VALUES = {"TOKEN": "x"}


def test_a_second_run_sends_nothing(filled_repository, server):
    """Everything is created in a valid order, and then unchanged."""
    changes = list(filled_repository.apply(values=VALUES).values())
    assert counts(changes) == {"created": 6, "updated": 0, "unchanged": 0}
    assert [change.kind for change in changes] == [
        "block", "work pool", "work queue", "work queue", "variable", "automation"
    ]  # fmt: skip
    assert set(filled_repository.actions(values=VALUES).values()) == {"unchanged"}


def test_mistakes_of_all_files_are_reported_together(filled_repository):
    """No server is asked before the repository is valid."""
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
    """The changes are known without sending them."""
    changes = compare(server, filled_repository.wanted(values=VALUES))
    assert counts(changes)["created"] == 6
    assert server.get(f"/work_pools/{filled_repository.pool}") is None


def test_a_failure_reports_the_number_of_sent_changes():
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
