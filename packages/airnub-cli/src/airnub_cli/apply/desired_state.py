"""Applying: read everything, compare everything, and only then send what differs, in the order that it needs."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from airnub_cli.apply.automations import compare_automations, read_automations
from airnub_cli.apply.blocks import compare_blocks, read_blocks
from airnub_cli.apply.change import Action, Change
from airnub_cli.apply.environment import filled_environment
from airnub_cli.apply.notifications import notifications, read_receivers
from airnub_cli.apply.secrets import check_secrets, missing_secrets
from airnub_cli.apply.variables import (
    FindDepartment,
    SecretUse,
    Variable,
    compare_variables,
    installed_department,
    read_variables,
)
from airnub_cli.apply.work_pools import Pool, compare_pools, read_pools
from airnub_cli.configuration.entry_files import Diagnostics
from airnub_cli.configuration.environment import PoolType
from airnub_cli.configuration.placeholders import known_values
from airnub_cli.installed import importable
from airnub_cli.prefect_api import BackendError, PrefectServer


@dataclass(frozen=True, slots=True)
class DesiredState:
    """What the repository says that the backend of an environment holds."""

    environment: str
    replaced_sources: dict[str, list[str]]
    """Categories whose sources the environment replaces, by department."""
    pools: list[Pool]
    variables: list[Variable]
    blocks: list[Any]
    automations: list[Any]
    missing_secrets: list[SecretUse]
    """Where settings name a secret that neither the files nor the environment of this process have."""


def read_desired_state(
    root: Path,
    environment_name: str,
    *,
    pool_type: PoolType | None = None,
    values: dict[str, str] | None = None,
    find_department: FindDepartment = installed_department,
) -> DesiredState:
    """Read and check all files; nobody is asked.

    Args:
        root: of the repository.
        environment_name: `local`, or a file of `configs/environments/`.
        pool_type: of all pools, in place of what the environment and their files say.
        values: what placeholders are filled from; by default `.env` and the environment.
        find_department: gives a department by the name of its package.

    Raises:
        ConfigurationError: with every mistake of every file, and every missing secret.
    """
    values = known_values(root) if values is None else values
    environment = filled_environment(root, environment_name, values)
    mistakes = Diagnostics(list(environment.mistakes))
    before = len(mistakes.found)
    pools = read_pools(root, environment, values, mistakes, pool_type)
    are_right = len(mistakes.found) == before
    with importable(root.glob("departments/*/src")):
        variables = read_variables(root, environment, mistakes, find_department)
    blocks = read_blocks(root, environment, values, mistakes)
    receivers = read_receivers(root, environment, mistakes)
    wanted = DesiredState(
        environment.name,
        {} if environment.says is None else environment.says.replaced_sources(),
        pools,
        variables,
        blocks,
        [
            *read_automations(root, environment, pools if are_right else None, mistakes, receivers),
            *notifications(environment, receivers),
        ],
        missing_secrets(variables, {block.reference for block in blocks}, set(values)),
    )
    mistakes.raise_if_any()
    return wanted


def compare(server: PrefectServer, wanted: DesiredState) -> list[Change]:
    """What is to be done, in the order in which it has to be; nothing is sent.

    Raises:
        ConfigurationError: blocks do not fit the types that the server has, or are nowhere; secrets are nowhere.
        BackendError: the server does not answer, or holds what cannot be brought to what the repository says.
    """
    mistakes = Diagnostics()
    blocks = {block.reference for block in wanted.blocks}
    changes = [
        # Pools and automations refer to them.
        *compare_blocks(server, wanted.blocks, mistakes),
        *compare_pools(server, wanted.pools, blocks, wanted.environment, mistakes),
        *compare_variables(server, wanted.variables),
        *compare_automations(server, wanted.automations, blocks, mistakes),
    ]
    check_secrets(server, wanted.missing_secrets, mistakes)
    mistakes.raise_if_any()
    return changes


def send(changes: list[Change], say: Callable[[Change], None] = lambda _: None) -> None:
    """Send what differs.

    Args:
        changes: in their order.
        say: is told of each that was sent.

    Raises:
        BackendError: the server refused one, or was lost; it says how many were sent before.
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
    """How many were created, updated and left."""
    counted = Counter(change.action for change in changes)
    return {action.value: counted[action] for action in Action}
