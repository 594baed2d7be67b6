"""The plan of an upgrade, and its losses."""

from dataclasses import replace

import pytest

from airnub_cli.upgrade.compose import Container
from airnub_cli.upgrade.plan import ServiceChange, Step, major_of, make_plan, references_of, services_of

NETWORKS = frozenset({"airnub"})


def service(name, *, once=False, depends_on=(), image="image-1", environment=None):
    """A service as configured by docker-compose.yml."""
    return ServiceChange(name, image, "config-1", once, tuple(depends_on), NETWORKS, environment or {})


SERVICES = [
    service("worker-alpha", depends_on=["setup", "server", "alpha"]),
    service("alpha", once=True),
    service("setup", once=True, depends_on=["server", "site"]),
    service("site"),
    service("server", depends_on=["keys", "postgres"]),
    service("keys", once=True, depends_on=["postgres"]),
    service("postgres"),
]


def containers(services=SERVICES):
    """The containers of such services."""
    return [
        Container(f"id-of-{one.name}", one.name, one.image, one.config, not one.once, 0, one.networks, one.environment)
        for one in services
    ]


def plan(services, there=None, runs=(), majors=("17", "17")):
    """A plan for a system that is running."""
    return make_plan(services, containers() if there is None else there, runs, majors)


def changed(*names, **more):
    """Services with different images, or other given differences."""
    more = more or {"image": "image-2"}
    return [replace(one, **more) if one.name in names else one for one in SERVICES]


def test_nothing_changed():
    """There are no steps."""
    assert plan(SERVICES, runs=["a"]).steps == ()


def test_a_shared_package_changed():
    """The server is replaced first and alone, the workers last; the database is not touched."""
    steps = plan(changed("worker-alpha", "alpha", "setup", "site", "server"), runs=["a-run"])
    assert [(step.services, step.once) for step in steps.steps] == [
        (("server",), False), (("site",), False), (("setup",), True), (("alpha",), True), (("worker-alpha",), False),
    ]  # fmt: skip
    assert steps.lost == steps.refused == ()


def test_dependencies_of_the_server_come_first():
    """Transitive ones, in their order."""
    steps = plan(changed("keys", "postgres", "server")).steps
    assert [step.services for step in steps] == [("postgres",), ("keys",), ("server",), ("setup",)]


def test_the_flows_of_a_department_changed():
    """Its image and the deployment; the server is not touched."""
    assert [step.services for step in plan(changed("alpha", "setup")).steps] == [("setup",), ("alpha",)]


@pytest.mark.parametrize(
    ("there", "why"),
    [
        ([one for one in containers() if one.service != "site"], "new"),
        ([replace(one, running=False) if one.service == "site" else one for one in containers()], "it is not running"),
        ([replace(one, config="x") if one.service == "site" else one for one in containers()], "its settings differ"),
        ([replace(one, image="x") if one.service == "site" else one for one in containers()], "its image differs"),
    ],
)
def test_a_step_has_its_reason(there, why):
    """In a few words."""
    assert plan(SERVICES, there).steps == (Step(("site",), once=False, why=why),)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"environment": {"PREFECT_SERVER_API_AUTH_STRING": "me:secret"}, "config": "x"}, "AIRNUB_AUTH changes"),
        ({"networks": frozenset({"other"}), "config": "x"}, "AIRNUB_NETWORK changes from airnub to other"),
    ],
)
def test_runs_that_would_be_lost_are_named_with_the_reason(change, expected):
    """If there are runs; the password itself is never printed."""
    [found] = plan(changed("server", **change), runs=["a-run"]).lost
    assert expected in found
    assert "secret" not in found
    assert plan(changed("server", **change)).lost == ()


def test_a_database_that_could_not_read_its_data_is_refused():
    """A different major version of PostgreSQL; a minor one is a restart."""
    [found] = plan(changed("postgres"), majors=("17", "18")).refused
    assert "expected PostgreSQL 17" in found
    assert plan(changed("postgres")).refused == ()


def test_services_of_a_configuration():
    """With the engine's names of networks and images, and defaults."""
    configuration = {
        "name": "demo",
        "networks": {"default": {"name": "demo-net"}},
        "services": {
            "a": {"image": "i:1", "networks": {"default": None}, "environment": {"A": "1", "B": None}, "restart": "no"},
            "b": {"depends_on": {"a": {"condition": "service_started"}}, "networks": {"default": None}},
        },
    }
    assert references_of(configuration) == {"i:1", "demo-b"}
    assert services_of(configuration, {"a": "1", "b": "2"}, {"i:1": "sha256:1"}) == [
        ServiceChange("a", "sha256:1", "1", True, (), frozenset({"demo-net"}), {"A": "1", "B": ""}),
        ServiceChange("b", None, "2", False, ("a",), frozenset({"demo-net"}), {}),
    ]


def test_a_failed_service_is_retried():
    """The command continues where it stopped."""
    there = [replace(one, status=1) if one.service == "setup" else one for one in containers()]
    assert plan(SERVICES, there).steps == (Step(("setup",), once=True, why="it failed"),)


def test_one_of_two_workers_that_has_stopped():
    """The service is started again, though the other worker runs."""
    [worker] = [one for one in containers() if one.service == "worker-alpha"]
    there = [*containers(), replace(worker, id="second", running=False)]
    assert plan(SERVICES, there).steps == (Step(("worker-alpha",), False, "it is not running"),)


def test_the_major_version_of_an_image():
    """From its environment."""
    assert major_of({"Config": {"Env": ["A=1", "PG_MAJOR=17"]}}) == "17"
    assert major_of(None) == major_of({"Config": {"Env": None}}) == ""
