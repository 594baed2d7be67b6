"""Resolution of a stage's settings at run time: parameter, else Variable, else YAML file."""

from typing import TypeVar

from prefect.settings import PREFECT_API_URL
from prefect.variables import Variable

from airnub_common import redact_url
from airnub_prefect.errors import ConfigurationError
from airnub_prefect.secrets import read_secrets
from airnub_prefect.setting_values import IndexBlock
from airnub_prefect.settings import StageSettings, StoreSettings
from airnub_prefect.validation import load_yaml, validated

Settings = TypeVar("Settings", bound=StageSettings)


async def resolve(kind: type[Settings], given: Settings | None) -> Settings:
    """The settings of a stage: the flow's parameter, else the Prefect Variable, else the YAML file of a checkout.

    A missing secret of the index fails at once, since no item can be stored. A missing secret of a source fails that
    source only.

    Args:
        kind: model of the settings.
        given: value of the flow's parameter.

    Raises:
        ConfigurationError: the settings are invalid or missing, or the secret of the index is missing. For missing
            settings the message names Variable and file.
    """
    settings = await _found(kind, given)
    if isinstance(settings, StoreSettings) and isinstance(settings.index, IndexBlock):
        await read_secrets([settings.index.block])
    return settings


async def _found(kind: type[Settings], given: Settings | None) -> Settings:
    if given is not None:
        return given
    name = kind.variable()
    value = await Variable.aget(name)
    if value is not None:
        return validated(kind, value, f"Variable {name}")
    path = kind.yaml_path()
    if path is not None:
        return load_yaml(kind, path)
    command = f"uv run {kind.department.replace('_', '-')} run {kind.stage} --config FILE"
    raise ConfigurationError.of(
        f"{kind.department} {kind.stage}",
        f"no settings found. Looked for the Variable {name} on {redact_url(str(PREFECT_API_URL.value()))} "
        f"and for the file {kind.yaml_name()} in a checkout. Create one of them, or name a file: {command}",
    )
