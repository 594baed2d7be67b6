"""Environments as applying needs them: with `${NAME}` filled in what they lay over `configs/variables/`.

Nothing is filled in `configs/variables/` itself: flows in a checkout read those files too.
"""

from collections.abc import Mapping
from pathlib import Path

from airnub_cli.configuration.environment import Environment, read_environment
from airnub_cli.configuration.placeholders import filled, missing


def filled_environment(root: Path, name: str, values: Mapping[str, str]) -> Environment:
    """An environment by its name.

    Args:
        root: of the repository.
        name: of the environment.
        values: what placeholders are filled from.

    Raises:
        ConfigurationError: there is none of that name, or its file is no YAML.
    """
    environment = read_environment(root, name)
    written = environment.changes("variables")
    for place, lacking in missing(written, values, ("variables",)):
        message = f"expected {lacking} in the environment or in .env, found nothing; or write ${{{lacking}:-default}}"
        environment.mistakes.append(environment.file.mistake(place, message))
    if written is not None:
        environment.file.value["variables"] = filled(written, values)
    return environment
