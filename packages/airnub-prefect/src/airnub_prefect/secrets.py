"""Secret values from Prefect blocks, else from environment variables or `.env` of the checkout; never stored.

Before a text is logged or stored, `airnub_common.redaction` masks credentials in the URLs within it, and
`airnub_core.sources.base` those in settings. The value of a secret in any other place is not masked.
"""

import os

from dotenv import dotenv_values
from prefect.blocks.system import Secret
from prefect.client.orchestration import get_client
from prefect.exceptions import ObjectNotFound
from pydantic import SecretStr

from airnub_prefect.dotenv_file import NAME, require_readable
from airnub_prefect.errors import ConfigurationError
from airnub_prefect.paths import checkout

PREFIX = "AIRNUB_SECRET_"


async def read_secrets(references: list[str]) -> dict[str, SecretStr]:
    """The values of secrets such as `secret/usgs-token`, by reference.

    Raises:
        ConfigurationError: secrets are neither on the server nor in the environment or `.env`; the message names all.
    """
    found = await find_secrets(references)
    missing = [reference for reference in dict.fromkeys(references) if reference not in found]
    if missing:
        ways = ", ".join(f"{one} (or {variable_name(one)} in the environment or .env)" for one in missing)
        raise ConfigurationError.of(
            "secrets", f"missing on the Prefect server: {ways}. Create these blocks, or set the variables"
        )
    return found


async def find_secrets(references: list[str]) -> dict[str, SecretStr]:
    """The values of secrets on the server, in the environment or in `.env`, by reference, without missing ones."""
    found = {reference: await _read(reference) for reference in dict.fromkeys(references)}
    return {reference: value for reference, value in found.items() if value is not None}


def variable_name(reference: str) -> str:
    """The environment variable that stands in for a block: `AIRNUB_SECRET_USGS_TOKEN` for `secret/usgs-token`."""
    return PREFIX + reference.partition("/")[2].upper().replace("-", "_")


async def _read(reference: str) -> SecretStr | None:
    name = reference.partition("/")[2]
    async with get_client() as client:
        try:
            document = await client.read_block_document_by_name(name, Secret.get_block_type_slug())
        except ObjectNotFound:
            value = _local_value(variable_name(reference))
            return SecretStr(value) if value else None
    return SecretStr(str(document.data["value"]))


def _local_value(name: str) -> str | None:
    """The value of an environment variable, else of its line in `.env` of the checkout.

    Raises:
        ConfigurationError: `.env` cannot be read, or has invalid lines.
    """
    if (value := os.environ.get(name)) or (root := checkout()) is None:
        return value
    require_readable([root])
    return dotenv_values(root / NAME, interpolate=False).get(name)
