"""Environment variables that Prefect reads when it is imported: quiet as a library, with the settings of `.env`."""

import os
from pathlib import Path

from airnub_cli.configuration.placeholders import known_values

_SETTINGS = {"DO_NOT_TRACK": "1", "PREFECT_LOGGING_LEVEL": "ERROR", "PREFECT_SERVER_ALLOW_EPHEMERAL_MODE": "false"}


def quiet_prefect() -> None:
    """Make Prefect log only errors and start no server, unless the environment says otherwise.

    Call it before Prefect is imported, which reads the environment once.
    """
    for name, value in _SETTINGS.items():
        os.environ.setdefault(name, value)


def use_dotenv(root: Path) -> dict[str, str]:
    """Set the `PREFECT_*` variables of a checkout's `.env`, unless the environment has them.

    Prefect itself reads `.env` only in the current folder. Call it before Prefect is imported.

    Args:
        root: of the checkout.

    Returns:
        All values of `.env`, overridden by the environment.
    """
    values = known_values(root)
    for name, value in values.items():
        if name.startswith("PREFECT_"):
            os.environ.setdefault(name, value)
    return values
