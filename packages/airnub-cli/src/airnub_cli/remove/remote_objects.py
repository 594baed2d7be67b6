"""Objects of a department on the Prefect server, and their deletion; stored data is never deleted."""

from collections.abc import Iterable
from dataclasses import dataclass

from airnub_cli.apply.automations import TAG
from airnub_cli.configuration.registry import Names
from airnub_cli.prefect_api import Json, PrefectServer, path_of


@dataclass(frozen=True, slots=True)
class RemoteObjects:
    """The objects of a department on a server."""

    deployments: tuple[Json, ...]
    variables: tuple[str, ...]
    automations: tuple[Json, ...]
    """Its own automations, which notify its contacts of failed runs and alerts."""
    pool: str | None
    """Its work pool; `None` if there is none, or other deployments use it."""

    def lines(self) -> list[str]:
        """One line for each object."""
        return [
            *(f"deployment {one['name']}, with the automations of its triggers" for one in self.deployments),
            *(f"variable {name}" for name in self.variables),
            *(f"automation {one['name']}" for one in self.automations),
            *([f"work pool {self.pool}, with its queues"] if self.pool else []),
        ]


def remote_objects(server: PrefectServer, names: Names, stages: Iterable[str]) -> RemoteObjects:
    """List the objects of a department on a server; nothing is changed.

    Args:
        server: the server to read from.
        names: of the department.
        stages: the stages with a Variable.

    Raises:
        BackendError: the server does not answer.
    """
    tag = {"tags": {"all_": [TAG, f"department:{names.module}"]}}
    deployments = server.all("/deployments/filter", deployments=tag)
    wanted = [f"dept_{names.module}_{stage}_config" for stage in sorted(stages)]
    variables = {one["name"] for one in server.all("/variables/filter", variables={"name": {"any_": wanted}})}
    # Automations of a deployment's triggers are deleted with it.
    automations = [one for one in server.all("/automations/filter", automations=tag) if not one.get("owner_resource")]
    in_pool = server.all("/deployments/filter", work_pools={"name": {"any_": [names.slug]}})
    ours = {one["id"] for one in deployments}
    has_pool = server.get(path_of("work_pools", names.slug)) is not None
    is_ours = has_pool and all(one["id"] in ours for one in in_pool)
    return RemoteObjects(
        tuple(sorted(deployments, key=lambda one: str(one["name"]))),
        tuple(name for name in wanted if name in variables),
        tuple(sorted(automations, key=lambda one: str(one["name"]))),
        names.slug if is_ours else None,
    )


def delete(server: PrefectServer, held: RemoteObjects) -> None:
    """Delete the objects of a department on a server; idempotent.

    Raises:
        BackendError: the server refused a request, or stopped answering.
    """
    for one in held.deployments:
        server.delete(path_of("automations", "owned-by", f"prefect.deployment.{one['id']}"))
        server.delete(path_of("deployments", str(one["id"])))
    for name in held.variables:
        server.delete(path_of("variables", "name", name))
    for one in held.automations:
        server.delete(path_of("automations", str(one["id"])))
    if held.pool:
        server.delete(path_of("work_pools", held.pool))
