"""The mark of a server: the Variable `airnub_environment` names the environment that was applied to it last.

Without it, a command that is typed without an environment would put a production server back to its default.
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal

from airnub_cli.apply.change import Change
from airnub_cli.apply.variables import TAG, Variable, compare_variables
from airnub_cli.configuration.environment import LOCAL, SAMPLE
from airnub_cli.prefect_api import BackendError, PrefectServer, path_of
from airnub_prefect.errors import ConfigurationError

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
