"""A deployment by itself: entrypoints and parameters, placeholders, steps, pools."""

import pytest

from airnub_cli.compile.deployment_check import EntrypointError, load_flow, misfits, unfilled, variables, wrong_steps


def told(deployment, **environment):
    """Places and messages."""
    return list(unfilled(deployment, environment))


def test_what_the_environment_has_is_filled():
    """And what it has not, or has empty, would become nothing."""
    deployment = {"parameters": {"a": ["x-{{ $TAG }}"]}}
    assert told(deployment, TAG="1") == []
    message = "expected a value for {{ $TAG }}, found that TAG is not set in the environment"
    assert told(deployment) == told(deployment, TAG="") == [(("parameters", "a", 0), message)]


def test_variables_are_found_wherever_they_stand():
    """And no other placeholder is one."""
    assert variables([{"a": "{{ $A }}-{{$B}}", "b": ["{{ prefect.variables.c }}", 5]}]) == {"A", "B"}


@pytest.mark.parametrize(
    "deployment",
    [
        {"parameters": {"a": "{{ prefect.variables.a }}"}},
        {"work_pool": {"job_variables": {"a": "{{ prefect.blocks.secret.a }}"}}},
        {"work_pool": {"job_variables": {"image": "{{ build-image.image }}"}}},
        {"description": "{{ $A | upper }}"},
        {"description": "{% if a %}"},
        {"description": "{{ $A"},
        {"description": "{{ ctx.flow.name }}"},
        {"name": "a-{{ $A }}"},
        {"triggers": [{"job_variables": {"a": "{{ event.id }}"}}]},
    ],
)
def test_what_would_be_filled_wrongly_is_refused(deployment):
    """With nothing, in plain text, or not at all."""
    assert len(told(deployment, A="1")) == 1


@pytest.mark.parametrize(
    "deployment",
    [
        {"triggers": [{"parameters": {"a": "{{ event.payload.a }}"}}]},
        {"work_pool": {"job_variables": {"a": "{{ ctx.flow.name }}"}}},
        {"pull": [{"step": {"token": "{{ prefect.blocks.secret.a }}"}}]},
    ],
)
def test_what_is_filled_later_stays(deployment):
    """From the event, by the worker, or when the step runs."""
    assert told(deployment) == []


DIRECTORY = "prefect.deployments.steps.set_working_directory"


def test_steps_of_prefect():
    """With their arguments, and with those that every step takes."""
    assert list(wrong_steps([{DIRECTORY: {"directory": "/", "id": "there"}}])) == []


def test_steps_that_prefect_would_miss_when_a_run_starts():
    """A function that is not there, an argument that it does not take, one that is missing."""
    assert list(wrong_steps([{"prefect.deployments.steps.nothing": {}}, {DIRECTORY: {"directry": "/"}}])) == [
        (
            (0, "prefect.deployments.steps.nothing"),
            "expected a step such as prefect.deployments.steps.git_clone, found 'prefect.deployments.steps.nothing'",
        ),
        ((1, DIRECTORY, "directry"), "unknown argument of the step; did you mean 'directory'?"),
        ((1, DIRECTORY), "missing argument 'directory' of the step"),
    ]


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
        ("flows.first", "flows.{{ $X }}", "entrypoint: expected an entrypoint without placeholders, found one"),
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
        "prefect.yaml:19: deployments.1.parameters.times: expected type integer, as flow "
        "'department-for-deploying-second' declares"
    ]


def test_secrets_in_the_wrong_place_are_not_repeated(house, caplog):
    """Neither in a message nor in Prefect's log."""
    house.change("{day: monday}", "{day: [hunter2]}")
    assert "hunter2" not in "".join(house.mistakes()) + caplog.text


PACKAGE = "department_for_deploying"


def misfits_of(name, parameters, *, complete=False):
    """What does not fit a flow, by the dotted place."""
    flow = load_flow(f"{PACKAGE}.flows.{name}")
    return {".".join(map(str, one.place)): one.message for one in misfits(flow, parameters, complete=complete)}


def test_a_flow_is_found_by_its_module():
    """As it is where the flow runs."""
    assert load_flow(f"{PACKAGE}.flows.first").name == "department-for-deploying-first"


@pytest.mark.parametrize(
    ("entrypoint", "message"),
    [
        ("src/flows.py:first", "as package.module.function, found 'src/flows.py:first'"),
        (f"{PACKAGE}.flows:first", "as package.module.function"),
        ("first", "as package.module.function"),
        (f"{PACKAGE}.nothing.first", "No module named .*uv sync --all-packages"),
        (f"{PACKAGE}.broken.first", "importing .*broken raises RuntimeError: expected a licence"),
        (f"{PACKAGE}.flows.no_flow", "found function 'no_flow' in .*; its flows are first, second"),
        (f"{PACKAGE}.flows.third", "found nothing of that name in"),
    ],
)
def test_what_leads_to_no_flow_is_refused(entrypoint, message):
    """Prefect would deploy some of these, and their runs would crash."""
    with pytest.raises(EntrypointError, match=message):
        load_flow(entrypoint)


def test_parameters_are_asked_of_the_flow_itself():
    """Types, constraints and settings' keys are the flow's."""
    assert misfits_of("first", {"settings": {"store": "x"}, "times": "3"}) == {}
    assert set(misfits_of("first", {"settings": {"stroe": "x"}, "times": 0, "tims": 1})) == {
        "tims",
        "settings",
        "settings.stroe",
        "times",
    }


def test_a_run_by_itself_needs_every_parameter():
    """A person may add what is missing; a schedule cannot."""
    assert misfits_of("second", {}) == {}
    flow = "flow 'department-for-deploying-second'"
    assert misfits_of("second", {}, complete=True)[""].startswith(f"missing parameter 'day', which {flow} needs")
    assert misfits_of("second", {"times": "x"}) == {"times": f"expected type integer, as {flow} declares"}
