"""Automations."""

import pytest
from backend_files import ZOMBIES

from airnub_cli.prefect_api import BackendError
from airnub_prefect.errors import ConfigurationError


@pytest.fixture
def name(repository):
    """A name that no other test uses."""
    return f"zombies-{repository.unique}"


@pytest.fixture
def write(repository, name):
    """Write the automation, with replaced text."""

    def write_automation(old="", new="", within=540):
        repository.write("configs/automations/a.yaml", ZOMBIES.format(name=name, within=within).replace(old, new))

    return write_automation


def live(server, name):
    """All automations of that name on the server."""
    return [one for one in server.all("/automations/filter") if one["name"] == name]


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("  expect:", "  exepct:", "a.yaml:8: unknown key 'trigger.exepct'; did you mean 'expect'?"),
        ("  expect:", "  exepct:", "trigger.expect: expected names of events, found none"),
        ("type: event", "type: evnt", "a.yaml:3: trigger.type: unknown type 'evnt'; did you mean 'event'?"),
        ("state: CRASHED", "stat: CRASHED", "a.yaml:13: unknown key 'actions.0.stat'; did you mean 'state'?"),
        ("change-flow-run-state", "change-state", "actions.0.type: unknown type 'change-state'"),
        ("Proactive", "Proactiv", "a.yaml:4: trigger.posture"),
        ("trigger:\n", "triger:\n", "a.yaml:2: unknown key 'triger'; did you mean 'trigger'?"),
    ],
)
def test_keys_that_prefect_ignores_are_mistakes(repository, write, old, new, expected):
    """Each with its line and the nearest valid name."""
    write(old, new)
    with pytest.raises(ConfigurationError) as raised:
        repository.wanted()
    assert expected in str(raised.value)


def test_a_wait_that_is_shorter_than_heartbeats(filled_repository):
    """A timeout below 2.5 heartbeats of the pools is rejected; without pools, Prefect's default interval counts."""
    filled_repository.wanted(values={"TOKEN": "x"})
    file = next((filled_repository.root / "configs" / "automations").glob("*.yaml"))
    text = file.read_text()
    file.write_text(text.replace("within: 90", "within: 60"))
    with pytest.raises(ConfigurationError, match=r"expected at least 75 seconds, found 60.*every 30 s"):
        filled_repository.wanted(values={"TOKEN": "x"})
    file.write_text("\n".join(line for line in text.splitlines() if "match_related" not in line))
    with pytest.raises(ConfigurationError, match=r"expected at least 450 seconds, found 90.*every 180 s"):
        filled_repository.wanted(values={"TOKEN": "x"})


def test_without_pools_no_run_of_ours_sends_heartbeats(filled_repository):
    """Without pools, any timeout is long enough."""
    root = filled_repository.root
    for pool in (root / "infra" / "work-pools").glob("[!_]*.yaml"):
        pool.unlink()
    file = next((root / "configs" / "automations").glob("*.yaml"))
    file.write_text(file.read_text().replace("within: 90", "within: 60"))
    assert filled_repository.wanted(values={"TOKEN": "x"}).pools == []


def test_created_then_unchanged_then_changed(repository, write, name, server):
    """It stays one automation with the same id, however often it is applied."""
    write()
    assert repository.actions() == {name: "created"}
    [made] = live(server, name)
    assert made["tags"] == ["airnub"]
    assert repository.actions() == {name: "unchanged"}
    write(within=600)
    assert repository.apply()["automation", name].different == ("trigger.within",)
    [changed] = live(server, name)
    assert (changed["id"], changed["trigger"]["within"]) == (made["id"], 600)


def test_whether_it_is_enabled_is_for_operators(repository, write, name, server):
    """An automation that was disabled on the server stays disabled when its file changes."""
    write()
    repository.apply()
    [made] = live(server, name)
    server.patch(f"/automations/{made['id']}", {"enabled": False})
    write(within=600)
    assert repository.apply()["automation", name].kept == ("disabled",)
    [changed] = live(server, name)
    assert (changed["enabled"], changed["trigger"]["within"]) == (False, 600)


def test_several_of_one_name_are_refused(repository, write, name, server):
    """Prefect allows duplicate names, so it is unknown which one is meant."""
    write()
    repository.apply()
    [made] = live(server, name)
    copied = {key: made[key] for key in ("name", "trigger", "actions")}
    copied["trigger"] = {key: value for key, value in copied["trigger"].items() if key != "id"}
    server.post("/automations/", copied)
    with pytest.raises(BackendError, match="expected one automation called"):
        repository.apply()


def test_an_action_names_a_block(repository, server):
    """The block may be created in the same run; its id is looked up."""
    unique = repository.unique
    repository.write(
        "configs/blocks/hook.yaml", f"type: slack-webhook\nname: ops-{unique}\nfields: {{url: '${{HOOK}}'}}\n"
    )
    repository.write(
        "configs/automations/failed.yaml",
        f"name: failed-{unique}\n"
        "trigger:\n  type: event\n  posture: Reactive\n  expect: [prefect.flow-run.Failed]\n  threshold: 1\n"
        f"actions:\n  - {{type: send-notification, block: slack-webhook/ops-{unique}, subject: Failed, body: x}}\n",
    )
    values = {"HOOK": "https://example.org/hook"}
    assert set(repository.actions(values=values).values()) == {"created"}
    assert set(repository.actions(values=values).values()) == {"unchanged"}


@pytest.mark.usefixtures("server")
def test_an_unknown_block(repository):
    """It is reported with its line before anything is sent."""
    unique = repository.unique
    repository.write(
        "configs/automations/failed.yaml",
        f"name: failed-{unique}\n"
        "trigger:\n  type: event\n  posture: Reactive\n  expect: [prefect.flow-run.Failed]\n  threshold: 1\n"
        f"actions:\n  - {{type: send-notification, block: slack-webhook/no-{unique}, subject: Failed, body: x}}\n",
    )
    with pytest.raises(ConfigurationError, match=rf"failed\.yaml:8: expected the block slack-webhook/no-{unique} in "):
        repository.actions()
