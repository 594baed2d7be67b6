"""Environment variables that make Prefect, as a library, log only errors and start no server."""

import os

_SETTINGS = {"DO_NOT_TRACK": "1", "PREFECT_LOGGING_LEVEL": "ERROR", "PREFECT_SERVER_ALLOW_EPHEMERAL_MODE": "false"}


def quiet_prefect() -> None:
    """Say so to Prefect, where nobody said otherwise; before it is imported, since it looks once."""
    for name, value in _SETTINGS.items():
        os.environ.setdefault(name, value)
