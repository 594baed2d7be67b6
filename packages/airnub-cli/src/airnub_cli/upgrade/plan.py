"""The plan of an upgrade: what changes, in which order, and which losses are unavoidable."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from airnub_cli.upgrade.compose import Container

SERVER, SETUP, DATABASE = "server", "setup", "postgres"
_WORKER = "worker-"
_AUTH = "PREFECT_SERVER_API_AUTH_STRING"
_MAJOR = "PG_MAJOR"


@dataclass(frozen=True, slots=True)
class ServiceChange:
    """A service as configured by docker-compose.yml and `.env`."""

    name: str
    image: str | None
    """The id of its image; `None` if the engine has none of that name yet."""
    config: str
    """Digest of its settings."""
    once: bool
    """Whether it is a one-shot service."""
    depends_on: tuple[str, ...]
    networks: frozenset[str]
    environment: Mapping[str, str]

    @property
    def is_worker(self) -> bool:
        """Whether it is a worker, by its name."""
        return self.name.startswith(_WORKER)


@dataclass(frozen=True, slots=True)
class Step:
    """Services that are started together."""

    services: tuple[str, ...]
    once: bool
    why: str


@dataclass(frozen=True, slots=True)
class UpgradePlan:
    """The steps of an upgrade, and its losses."""

    steps: tuple[Step, ...]
    lost: tuple[str, ...]
    """The reasons why runs in flight cannot continue; empty if they can, or if there are none."""
    refused: tuple[str, ...]
    """The reasons to reject the upgrade."""


def make_plan(
    services: Sequence[ServiceChange], containers: Sequence[Container], runs: Sequence[str], majors: tuple[str, str]
) -> UpgradePlan:
    """Compare the configured services with the running containers, and plan the steps.

    Args:
        services: all configured services.
        containers: all existing containers.
        runs: names of the runs in flight.
        majors: major versions of PostgreSQL in the existing container and in the new image; empty if unknown.

    Returns:
        Steps in order: the server's dependencies, the server, other running services, `setup`, other one-shot services,
        and the workers, which need the server. Steps without a change are omitted.
    """
    there = _by_service(containers)
    changes = {one.name: why for one in services if (why := _difference(one, there.get(one.name, [])))}
    if SERVER in changes and SETUP not in changes:
        changes[SETUP] = "the server changes"
    by_name = {one.name: one for one in services}
    before = [name for name in _needed_by(by_name, SERVER) if name in changes]
    others = [
        one
        for one in services
        if one.name in changes and one.name not in {*before, SERVER, SETUP} and not one.is_worker
    ]
    groups = [
        *([name] for name in before),
        [SERVER],
        [one.name for one in others if not one.once],
        [SETUP],
        *([one.name] for one in others if one.once),
        [one.name for one in services if one.is_worker],
    ]
    steps = []
    for group in groups:
        chosen = tuple(name for name in group if name in changes)
        if chosen:
            why = ", ".join(dict.fromkeys(changes[name] for name in chosen))
            steps.append(Step(chosen, by_name[chosen[0]].once, why))
    return UpgradePlan(
        tuple(steps),
        tuple(_losses(by_name, there)) if runs and steps else (),
        tuple(_refusals(changes, majors)),
    )


def _by_service(containers: Iterable[Container]) -> dict[str, list[Container]]:
    found: dict[str, list[Container]] = {}
    for one in containers:
        found.setdefault(one.service, []).append(one)
    return found


def _difference(service: ServiceChange, containers: Sequence[Container]) -> str:
    """The reason why Compose would recreate a service; empty if it would not."""
    if not containers:
        return "new"
    if any(one.config != service.config for one in containers):
        return "its settings differ"
    if any(one.image != service.image for one in containers):
        return "its image differs"
    if service.once and any(one.status != 0 for one in containers):
        return "it failed"
    if not service.once and not all(one.running for one in containers):
        return "it is not running"
    return ""


def _needed_by(services: Mapping[str, ServiceChange], name: str) -> list[str]:
    """The transitive dependencies of a service, in the order in which they start."""
    found: list[str] = []
    for other in services[name].depends_on:
        found += [one for one in (*_needed_by(services, other), other) if one not in found]
    return found


def _losses(services: Mapping[str, ServiceChange], there: Mapping[str, Sequence[Container]]) -> Iterable[str]:
    server, old = services[SERVER], there[SERVER][0]
    if old.environment.get(_AUTH, "") != server.environment.get(_AUTH, ""):
        yield "AIRNUB_AUTH changes, and a run keeps the password that it was started with"
    if not old.networks & server.networks:
        names = f"from {', '.join(sorted(old.networks))} to {', '.join(sorted(server.networks))}"
        yield f"AIRNUB_NETWORK changes {names}, and a run stays in the network that it was started in"


def _refusals(changes: Mapping[str, str], majors: tuple[str, str]) -> Iterable[str]:
    old, new = majors
    if DATABASE in changes and old and new and old != new:
        yield (
            f"{DATABASE}: expected PostgreSQL {old}, which wrote its data, found an image of {new}: a different major "
            "version cannot read the data; dump it first, and restore it into an empty volume"
        )


def services_of(
    configuration: Mapping[str, Any], digests: Mapping[str, str], images: Mapping[str, str | None]
) -> list[ServiceChange]:
    """List the services of a configuration.

    Args:
        configuration: the output of `docker compose config --format json`.
        digests: digests of the settings, by service.
        images: ids of images, by reference.
    """
    networks = configuration.get("networks") or {}
    return [
        ServiceChange(
            name=name,
            image=images.get(_reference(configuration, name)),
            config=digests[name],
            once=one.get("restart") == "no",
            depends_on=tuple(one.get("depends_on") or ()),
            networks=frozenset((networks.get(key) or {}).get("name", key) for key in one.get("networks") or ()),
            environment={key: value or "" for key, value in (one.get("environment") or {}).items()},
        )
        for name, one in configuration["services"].items()
    ]


def references_of(configuration: Mapping[str, Any]) -> set[str]:
    """The names of all images of a configuration."""
    return {_reference(configuration, name) for name in configuration["services"]}


def _reference(configuration: Mapping[str, Any], service: str) -> str:
    found: str = configuration["services"][service].get("image") or f"{configuration['name']}-{service}"
    return found


def major_of(image: Mapping[str, Any] | None) -> str:
    """The major version of PostgreSQL in an image, from its environment; empty if there is none."""
    lines = [] if image is None else image["Config"].get("Env") or []
    return next((line.partition("=")[2] for line in lines if line.startswith(f"{_MAJOR}=")), "")
