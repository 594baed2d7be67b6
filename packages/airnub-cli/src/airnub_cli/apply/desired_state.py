"""The desired state of a Prefect server: all of it is read and compared before any difference is sent.

Objects that are missing are created, and different ones updated. What operators set is kept: pauses, concurrency
limits, and whether an automation is enabled. Nothing is deleted: `airnub remove` deletes the objects of a department.

The Variable `airnub_environment` of a server names the environment that was applied to it last. Without this mark, a
command without `--env` would reset a production server to the default environment.
"""

from collections import Counter
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from airnub_cli.apply.automations import compare_automations, read_automations
from airnub_cli.apply.blocks import compare_blocks, read_blocks
from airnub_cli.apply.notifications import read_receivers
from airnub_cli.apply.variables import (
    TAG,
    CheckedVariables,
    FindDepartment,
    SecretUse,
    Variable,
    check_secrets,
    compare_variables,
    installed_department,
    missing_secrets,
    read_variables,
)
from airnub_cli.apply.work_pools import Pool, compare_pools, read_pools
from airnub_cli.configuration import LOCAL, SAMPLE, PoolType
from airnub_cli.configuration.dotenv import known_values
from airnub_cli.configuration.entry_files import Diagnostics
from airnub_cli.configuration.environment import filled_environment
from airnub_cli.prefect_api import Action, BackendError, Change, PrefectServer, path_of
from airnub_cli.workspace import importable
from airnub_prefect.errors import ConfigurationError
from airnub_prefect.yaml_file import YamlFile

VARIABLE = "airnub_environment"
_SAMPLE_TAG = f"sources:{SAMPLE}"


@dataclass(frozen=True, slots=True)
class Decision:
    """The decision which environment is applied to a server."""

    action: Literal["apply", "keep", "refuse"]
    """`keep`: none was given, and the server has one. `refuse`: the server has a different one."""
    environment: str
    """The environment that is applied, or that was refused."""
    replaced: str | None = None
    """The different environment that the server has."""

    def __str__(self) -> str:
        """As `airnub apply` prints it."""
        if self.action == "keep":
            return f"environment: {self.environment}, which the server has; `--env NAME --switch` replaces it"
        if self.action == "refuse":
            return (
                f"expected the environment of the server, {self.replaced} (Variable {VARIABLE}), found "
                f"{self.environment} in --env or AIRNUB_ENV; nothing was sent. To replace {self.replaced} by "
                f"{self.environment}: `airnub apply --env {self.environment} --switch`. "
                f"To keep {self.replaced}: pass it, or pass no environment"
            )
        return f"environment: {self.environment}{f' replaces {self.replaced}' if self.replaced else ''}"


def decide(has: str | None, asked: str | None, *, default: str = LOCAL, switch: bool = False) -> Decision:
    """Decide which environment is applied.

    Args:
        has: the environment of the server; `None` if none was applied yet.
        asked: the value of `--env` or `AIRNUB_ENV`.
        default: the environment for a server without one, if none was given.
        switch: allow the server to change to a different environment.
    """
    if asked is None:
        return Decision("apply", default) if has is None else Decision("keep", has)
    if has is None or has == asked:
        return Decision("apply", asked)
    # Leaving `sample` loses nothing of value.
    return Decision("apply" if switch or has == SAMPLE else "refuse", asked, has)


def environment_of(server: PrefectServer) -> str | None:
    """Read the environment of a server; `None` if none was applied yet.

    A server without the mark was set up by an earlier version: its deployments say whether it has `sample`, else it
    counts as `local`.

    Raises:
        BackendError: the server does not answer, or its mark is not a name.
    """
    mark = server.get(path_of("variables", "name", VARIABLE))
    if mark is not None:
        if not isinstance(mark["value"], str):
            raise BackendError(
                f"Variable {VARIABLE} on the server: expected the name of an environment, found {mark['value']!r}; "
                f"`prefect variable set {VARIABLE} NAME --overwrite`"
            )
        return mark["value"]
    tags = [one["tags"] for one in server.all("/deployments/filter", deployments={"tags": {"all_": [TAG]}})]
    if any(_SAMPLE_TAG in one for one in tags):
        return SAMPLE
    variables = server.all("/variables/filter", variables={"tags": {"all_": [TAG]}})
    return LOCAL if tags or variables else None


def check_known(decision: Decision, names: Collection[str]) -> None:
    """Require that this checkout has the environment that is kept.

    Raises:
        ConfigurationError: it has none of this name.
    """
    if decision.action == "keep" and decision.environment not in names:
        raise ConfigurationError.of(
            f"Variable {VARIABLE} on the server",
            f"expected one of the environments {', '.join(sorted(names))}, found {decision.environment!r}; "
            "restore its file in configs/environments/, or `airnub apply --env NAME --switch`",
        )


def compare_mark(server: PrefectServer, environment: str) -> Change:
    """Compare the mark of the server. It is sent first, so that the next run completes an interrupted one."""
    [change] = compare_variables(server, [Variable(VARIABLE, environment, (TAG,))])
    return change


@dataclass(frozen=True, slots=True)
class DesiredState:
    """The desired objects of a Prefect server in one environment."""

    environment: str
    replaced_sources: dict[str, list[str]]
    """Categories whose sources the environment replaces, by department."""
    pools: list[Pool]
    variables: list[Variable]
    blocks: list[Any]
    automations: list[Any]
    missing_secrets: list[SecretUse]
    """Uses of secrets that neither the files nor the environment of this process have."""


def read_desired_state(
    root: Path,
    environment_name: str,
    *,
    pool_type: PoolType | None = None,
    values: dict[str, str] | None = None,
    find_department: FindDepartment = installed_department,
    known: CheckedVariables | None = None,
    read: dict[Path, YamlFile | ConfigurationError] | None = None,
) -> DesiredState:
    """Read and check all files; no server is asked.

    Args:
        root: of the repository.
        environment_name: `local`, or a file of `configs/environments/`.
        pool_type: overrides the type of all pools.
        values: the values for placeholders; by default `.env` and the environment.
        find_department: returns a department by the name of its package.
        known: cached Variables of departments that passed before.
        read: files that were already read for a different environment; new ones are added.

    Raises:
        ConfigurationError: the files have mistakes, all of which are reported, or secrets are missing.
    """
    values = known_values(root) if values is None else values
    environment = filled_environment(root, environment_name, values)
    mistakes = Diagnostics(list(environment.mistakes), {} if read is None else read)
    before = len(mistakes.found)
    pools = read_pools(root, environment, values, mistakes, pool_type)
    are_right = len(mistakes.found) == before
    with importable(root.glob("departments/*/src")):
        variables = read_variables(root, environment, mistakes, find_department, known)
    blocks = read_blocks(root, environment, values, mistakes)
    receivers = read_receivers(root, environment, mistakes)
    wanted = DesiredState(
        environment.name,
        {} if environment.says is None else environment.says.replaced_sources(),
        pools,
        variables,
        blocks,
        read_automations(root, environment, pools if are_right else None, mistakes, receivers),
        missing_secrets(variables, {block.reference for block in blocks}, set(values)),
    )
    mistakes.raise_if_any()
    return wanted


def compare(server: PrefectServer, wanted: DesiredState) -> list[Change]:
    """Compare all objects with those of the server, in the order in which changes are sent; nothing is sent.

    Raises:
        ConfigurationError: blocks do not match the types on the server, or blocks or secrets are missing.
        BackendError: the server does not answer, or has objects that cannot be changed to the desired state.
    """
    mistakes = Diagnostics()
    blocks = {block.reference for block in wanted.blocks}
    changes = [
        # Pools and automations refer to blocks.
        *compare_blocks(server, wanted.blocks, mistakes),
        *compare_pools(server, wanted.pools, blocks, wanted.environment, mistakes),
        *compare_variables(server, wanted.variables),
        *compare_automations(server, wanted.automations, blocks, mistakes),
    ]
    check_secrets(server, wanted.missing_secrets, mistakes)
    mistakes.raise_if_any()
    return changes


def send(changes: list[Change], say: Callable[[Change], None] = lambda _: None) -> None:
    """Send the changes, in order.

    Args:
        changes: all changes; unchanged objects are skipped.
        say: called with each change after it was sent.

    Raises:
        BackendError: the server refused a change, or stopped answering; the message has the number of sent changes.
    """
    due = [change for change in changes if change.action is not Action.UNCHANGED]
    for position, change in enumerate(due):
        try:
            change.send()
        except BackendError as error:
            raise BackendError(
                f"{change.kind} {change.name}: {error}\n"
                f"{position} of {len(due)} changes were sent before this one; the next run sends the rest"
            ) from error
        say(change)


def counts(changes: list[Change]) -> dict[str, int]:
    """The number of objects by action: created, updated, unchanged."""
    counted = Counter(change.action for change in changes)
    return {action.value: counted[action] for action in Action}
