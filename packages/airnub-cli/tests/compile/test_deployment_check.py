"""A deployment by itself."""

import pytest


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("pull: []\n", "", "deployments.0: missing key 'pull': without one Prefect writes the folder"),
        ("pull: []\n", "pull: [{prefect.deployments.steps.nothing: {}}]\n", ":1: pull.0.prefect.deployments.steps.n"),
        ("name: department-for-deploying-first\n", "name: first\n", ":3: deployments.0.name: expected a name"),
        ("slug: hourly", "slug: daily", ":11: deployments.0.schedules.1.slug: duplicate 'daily'"),
        ("deploying:local", "deploying:latest", "expected airnub/department-for-deploying:local, found 'airnub/dep"),
        ('deploying:local"', 'deploying:local", mem_limt: 1g', "unknown job variable 'mem_limt' of a docker pool"),
        ("flows.first", "flows:first", ":5: deployments.0.entrypoint: expected an importable flow as"),
        ("flows.first", "flows.{{ $X }}", "deployments.0.entrypoint: expected it as it is, found a placeholder"),
        ("department_for_deploying.flows.first", "json.tool.main", "entrypoint: expected a flow, found function"),
        ("{day: monday}", "{dya: monday}", ":19: deployments.1.parameters.dya: unknown parameter of flow"),
        ("{day: monday}", "{day: 5}", ":19: deployments.1.parameters.day: Input should be a valid string"),
        ("    parameters: {day: monday}\n", "", "deployments.1.triggers.0.parameters: missing parameter 'day'"),
        ("active: true}", "active: true, parameters: {times: 0}}", "schedules.1.parameters.times: Input should"),
        ("enabled: true", "enabled: true\n        posture: Proactive\n        within: 1", "triggers.0: "),
        ("enabled: true", "enabled: true\n        parameters: {time: 1}", "triggers.0.parameters.time: unknown"),
    ],
)  # fmt: skip
def test_what_prefect_would_take_or_make_up(house, old, new, told):
    """Is a mistake, on its line."""
    house.change(old, new)
    assert [line for line in house.mistakes() if told in line], house.mistakes()


def test_a_placeholder_needs_a_guard(house):
    """Who deploys the file later may not have what was set when it was checked."""
    house.change("The first one.", "Of {{ $TAG }}.")
    [told] = house.mistakes({"TAG": "1"})
    assert told.startswith(
        "prefect.yaml:3: deployments.0: expected build: [{airnub_prefect.steps.require_environment: {names: [TAG]}}]"
    )
    house.change("pull: []", "pull: []\nbuild: [{airnub_prefect.steps.require_environment: {names: [TAG]}}]")
    assert house.mistakes({"TAG": "1"}) == []
    house.change("names: [TAG]", "name: [TAG]")
    assert "prefect.yaml:2: unknown key" in "\n".join(house.mistakes({"TAG": "1"}))


def test_what_an_event_brings_is_not_known_before(house):
    """A trigger's parameters may be filled from the event, also the one that the flow needs."""
    house.change("    parameters: {day: monday}\n", "")
    house.change("enabled: true", "enabled: true\n        parameters: {day: '{{ event.payload.day }}'}")
    assert house.mistakes() == []


def test_a_person_may_complete_parameters(house):
    """A deployment that nothing starts by itself need not have every parameter; what it has must fit."""
    text = house.deployments.read_text().partition("    triggers:")[0]
    house.deployments.write_text(text.replace("parameters: {day: monday}", "parameters: {times: 2}"))
    assert house.mistakes() == []
    house.change("{times: 2}", "{times: two}")
    assert house.mistakes() == [
        "prefect.yaml:19: deployments.1.parameters.times: expected what flow 'department-for-deploying-second' takes: "
        "type integer"
    ]


def test_secrets_in_the_wrong_place_are_not_repeated(house, caplog):
    """Neither in a message nor in Prefect's log."""
    house.change("{day: monday}", "{day: [hunter2]}")
    assert "hunter2" not in "".join(house.mistakes()) + caplog.text
