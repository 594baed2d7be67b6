"""The desired state of a Prefect server: all of it is read and compared before any difference is sent.

The Variable `airnub_environment` of a server names the environment that was applied to it last. Without it, a command
that is typed without an environment would put a production server back to its default.
"""

from collections import Counter
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from airnub_cli.apply.automations import compare_automations, read_automations
from airnub_cli.apply.blocks import compare_blocks, read_blocks
from airnub_cli.apply.notifications import notifications, read_receivers
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
from airnub_cli.configuration.entry_files import Diagnostics
from airnub_cli.configuration.environment import filled_environment
from airnub_cli.configuration.environment_names import LOCAL, SAMPLE, PoolType
from airnub_cli.configuration.placeholders import known_values
from airnub_cli.installed import importable
from airnub_cli.prefect_api import Action, BackendError, Change, PrefectServer, path_of
from airnub_prefect.errors import ConfigurationError
from airnub_prefect.yaml_file import YamlFile

VARIABLE = "airnub_environment"
_SAMPLE_TAG = f"sources:{SAMPLE}"


@dataclass(frozen=True, slots=True)
class Decision:
    """Which environment is applied to a server."""

    action: Literal["go on", "keep", "refuse"]
    """`keep`: none was asked for, and the server has one. `refuse`: it has a different one."""
    environment: str
    """What is applied; of a refusal, what was asked for."""
    replaced: str | None = None
    """The different environment that the server has."""

    def __str__(self) -> str:
        """As `airnub apply` prints it."""
        if self.action == "keep":
            return f"environment: {self.environment}, which the server has; --env or AIRNUB_ENV would name one"
        if self.action == "refuse":
            return (
                f"expected the environment of the server, {self.replaced} (Variable {VARIABLE}), found "
                f"{self.environment} in --env or AIRNUB_ENV; nothing was sent. To replace {self.replaced} by "
                f"{self.environment}: `airnub apply --env {self.environment} --switch`. "
                f"To keep {self.replaced}: name it, or none"
            )
        return f"environment: {self.environment}{f' replaces {self.replaced}' if self.replaced else ''}"


def decide(has: str | None, asked: str | None, *, default: str = LOCAL, switch: bool = False) -> Decision:
    """Which environment is applied.

    Args:
        has: what the server has, `None` where nothing was ever applied to it.
        asked: by `--env` or `AIRNUB_ENV`.
        default: of a server that has none, where none is asked for.
        switch: go on from any environment to any other.
    """
    if asked is None:
        return Decision("go on", default) if has is None else Decision("keep", has)
    if has is None or has == asked:
        return Decision("go on", asked)
    # Nothing of value is lost with the sample sites.
    return Decision("go on" if switch or has == SAMPLE else "refuse", asked, has)


def environment_of(server: PrefectServer) -> str | None:
    """The environment that a server has, `None` where nothing was ever applied to it.

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
    """Whether this checkout has the environment that is kept.

    Raises:
        ConfigurationError: it does not.
    """
    if decision.action == "keep" and decision.environment not in names:
        raise ConfigurationError.of(
            f"Variable {VARIABLE} on the server",
            f"expected one of the environments {', '.join(sorted(names))}, found {decision.environment!r}; "
            "restore its file in configs/environments/, or `airnub apply --env NAME --switch`",
        )


def compare_mark(server: PrefectServer, environment: str) -> Change:
    """What is to be done about the mark. Sent first, so that the next run completes one that is interrupted."""
    [change] = compare_variables(server, [Variable(VARIABLE, environment, (TAG,))])
    return change


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
    known: CheckedVariables | None = None,
    read: dict[Path, YamlFile | ConfigurationError] | None = None,
) -> DesiredState:
    """Read and check all files; nobody is asked.

    Args:
        root: of the repository.
        environment_name: `local`, or a file of `configs/environments/`.
        pool_type: of all pools, in place of what the environment and their files say.
        values: what placeholders are filled from; by default `.env` and the environment.
        find_department: gives a department by the name of its package.
        known: Variables of departments that passed before.
        read: files that were read for a different environment; completed here.

    Raises:
        ConfigurationError: with every mistake of every file, and every missing secret.
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
