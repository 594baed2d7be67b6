"""Entrypoints."""

import pytest

from airnub_cli.compile.entrypoints import EntrypointError, load_flow, misfits

PACKAGE = "department_for_deploying"


def told(name, parameters, *, complete=False):
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
    assert told("first", {"settings": {"store": "x"}, "times": "3"}) == {}
    assert set(told("first", {"settings": {"stroe": "x"}, "times": 0, "tims": 1})) == {
        "tims",
        "settings",
        "settings.stroe",
        "times",
    }


def test_a_run_by_itself_needs_every_parameter():
    """A person may add what is missing; a schedule cannot."""
    assert told("second", {}) == {}
    flow = "flow 'department-for-deploying-second'"
    assert told("second", {}, complete=True)[""].startswith(f"missing parameter 'day', which {flow} needs")
    assert told("second", {"times": "x"}) == {"times": f"expected what {flow} takes: type integer"}
