"""Receivers of alerts."""

import pytest

from airnub_cli.apply.receivers import addressed, receivers_of, wrong_placeholders
from airnub_cli.configuration.environment import EnvironmentFile
from airnub_cli.configuration.registry import Registered
from airnub_prefect.errors import ConfigurationError

ALERT = """\
name: late-{department}
trigger:
  type: event
  posture: Reactive
  match_related: {prefect.resource.id: "prefect.tag.department:{module}"}
  expect: [prefect.flow-run.Late]
  threshold: 1
actions:
  - type: send-notification
    block: notifications
    subject: "{display}: {{ flow_run.name }}"
    body: "{pool} of {owner}: {contacts}"
"""


def department(name, status="active"):
    return Registered(id=name, display_name=name.title(), owner="team-x", contacts=["a@b.c", "Ann"], status=status)


def receivers(block, *names, **more):
    """The receivers of an environment with that block."""
    environment = EnvironmentFile(description="x", notifications=block, **more)
    return receivers_of(environment, [*map(department, names), department("gone", "retired")])


def alert(name="late-{department}", **more):
    return {"name": name, "tags": ["x"], "actions": [{"type": "send-notification", "block": "notifications"} | more]}


def test_one_for_each_active_department():
    """Each has its names, pool and block; the placeholders of the server are kept."""
    found = receivers("slack-webhook/{department}", "my_shop", pools={"my-shop": {"name": "big"}})
    [made] = addressed(alert(subject="{department} {module} {pool} {display} {owner} {contacts} {{ pool }}"), found)
    assert made["name"] == "late-my-shop"
    assert made["tags"] == ["x", "department:my_shop", "owner:team-x"]
    [action] = made["actions"]
    assert action["block"] == "slack-webhook/my-shop"
    assert action["subject"] == "my-shop my_shop big My_Shop team-x a@b.c, Ann {{ pool }}"


@pytest.mark.parametrize(
    ("block", "expected"),
    [
        ("slack-webhook/operators", ["slack-webhook/operators"]),
        ("slack-webhook/{department}", ["slack-webhook/shop", "slack-webhook/zoo"]),
    ],
)
def test_one_for_all_is_sent_once_to_each_block(block, expected):
    """Two departments that share a block do not get the message twice."""
    [made] = addressed(alert("disk"), receivers(block, "shop", "zoo"))
    assert [action["block"] for action in made["actions"]] == expected


def test_without_receivers_there_is_no_alert():
    """Other automations are unchanged."""
    assert list(addressed(alert(), receivers(None, "shop"))) == []
    assert list(addressed(alert("disk"), receivers(None, "shop"))) == []
    other = {"name": "x-{pool}", "actions": [{"type": "do-nothing"}]}
    assert list(addressed(other, receivers(None, "shop"))) == [other]
    assert list(wrong_placeholders(other)) == []


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("{pool}", "{pol}", "a.yaml:12: unknown placeholder {pol}; did you mean 'pool'?"),
        ("{module}", "{modul}", "a.yaml:5: unknown placeholder {modul}"),
        ("late-{department}", "late", "a.yaml:12: {pool} differs by department: expected {department} in the name"),
        (
            "block: notifications",
            "block: notification",
            "such as slack-webhook/operators, or notifications",
        ),
    ],
)
def test_an_unknown_placeholder_is_a_mistake(repository, old, new, expected):
    """It is reported with its line, also in an environment without receivers."""
    repository.write("configs/automations/a.yaml", ALERT.replace(old, new))
    with pytest.raises(ConfigurationError) as raised:
        repository.wanted()
    assert expected in str(raised.value)
