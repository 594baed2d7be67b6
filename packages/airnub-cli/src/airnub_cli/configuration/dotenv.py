"""`.env` and the process environment: values for placeholders in files, and the variables that Prefect reads.

Placeholders are `${NAME}` and `${NAME:-default}`; `$${` stands for `${`. The syntax is that of Compose, which reads the
same `.env`.
"""

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from dotenv import dotenv_values

from airnub_prefect.yaml_file import Place

_PLACEHOLDER = re.compile(r"\$(?P<escaped>\$)?\{(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?P<otherwise>:-(?P<default>[^}]*))?\}")


def known_values(folder: Path) -> dict[str, str]:
    """The values for placeholders: `.env` of a folder, overridden by the environment of this process."""
    written = {name: value for name, value in dotenv_values(folder / ".env", interpolate=False).items() if value}
    return written | {name: value for name, value in os.environ.items() if value}


def filled(value: Any, values: Mapping[str, str]) -> Any:
    """Resolve the placeholders in a value's strings; those without a value are kept unchanged."""
    if isinstance(value, str):
        return _PLACEHOLDER.sub(lambda match: _filled(match, values), value)
    if isinstance(value, dict):
        return {key: filled(entry, values) for key, entry in value.items()}
    return [filled(entry, values) for entry in value] if isinstance(value, list) else value


def missing(value: Any, values: Mapping[str, str], place: Place = ()) -> Iterator[tuple[Place, str]]:
    """Names of placeholders with neither a value nor a default, each with its place."""
    if isinstance(value, dict):
        for key, entry in value.items():
            yield from missing(entry, values, (*place, key))
    elif isinstance(value, list):
        for index, entry in enumerate(value):
            yield from missing(entry, values, (*place, index))
    elif isinstance(value, str):
        for match in _PLACEHOLDER.finditer(value):
            if not match["escaped"] and not match["otherwise"] and match["name"] not in values:
                yield place, match["name"]


def is_placeholder(value: Any) -> bool:
    """Whether a value is exactly one placeholder without a default, as secrets in files have to be."""
    match = _PLACEHOLDER.fullmatch(value) if isinstance(value, str) else None
    return match is not None and not match["escaped"] and not match["otherwise"]


def _filled(match: re.Match[str], values: Mapping[str, str]) -> str:
    if match["escaped"]:
        return match[0][1:]
    return values.get(match["name"], match["default"] if match["otherwise"] else match[0])


_QUIET = {"DO_NOT_TRACK": "1", "PREFECT_LOGGING_LEVEL": "ERROR", "PREFECT_SERVER_ALLOW_EPHEMERAL_MODE": "false"}


def quiet_prefect() -> None:
    """Make Prefect log only errors and start no server, unless the environment says otherwise.

    Call it before Prefect is imported, which reads the environment once.
    """
    for name, value in _QUIET.items():
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
