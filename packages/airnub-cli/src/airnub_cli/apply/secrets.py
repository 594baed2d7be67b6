"""Secrets that settings name: each is a block of `configs/blocks/`, of the server, or a variable of the environment."""

from collections.abc import Collection, Iterable

from airnub_cli.apply.blocks import FOLDER, block_id
from airnub_cli.apply.variables import SecretUse, Variable
from airnub_cli.configuration.entry_files import Diagnostics
from airnub_cli.prefect_api import PrefectServer
from airnub_prefect.errors import Diagnostic
from airnub_prefect.secrets import variable_name


def missing_secrets(variables: Iterable[Variable], blocks: Collection[str], given: Collection[str]) -> list[SecretUse]:
    """Where settings name a secret that the repository and this environment do not have.

    Args:
        variables: the settings.
        blocks: of the repository, such as `secret/usgs-token`.
        given: names of environment variables that have a value, in `.env` too.
    """
    uses = (use for variable in variables for use in variable.secrets)
    return [use for use in uses if use.reference not in blocks and variable_name(use.reference) not in given]


def check_secrets(server: PrefectServer, missing: Iterable[SecretUse], mistakes: Diagnostics) -> None:
    """Secrets that the server does not have either are gathered."""
    uses = list(missing)
    asked = sorted({use.reference for use in uses})
    lacking = {reference for reference in asked if block_id(server, reference) is None}
    for use in uses:
        if use.reference in lacking:
            message = (
                f"expected the block {use.reference} in {FOLDER.as_posix()}/ or on the server, found none; "
                f"{advice(use.reference)}"
            )
            mistakes.found.append(Diagnostic(use.where, use.line, message))


def advice(reference: str) -> str:
    """What to do where a secret is missing."""
    return (
        f"add {FOLDER.as_posix()}/{reference.partition('/')[2]}.yaml, create the block on the server, or set "
        f"{variable_name(reference)} in the environment or in .env"
    )
