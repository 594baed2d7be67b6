"""Placeholders: what Prefect fills in while it deploys. What it does not find becomes nothing, with exit status 0."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from airnub_prefect.yaml_file import Place

_ANY = re.compile(r"\{\{(.*?)\}\}|\{%.*?%\}|\{\{", re.DOTALL)
_ENVIRONMENT = re.compile(r"\$([A-Za-z_]\w*)")
_AT_RUN_TIME = re.compile(r"ctx(\.[\w-]+)+")
_FROM_SERVER = re.compile(r"prefect\.(variables|blocks)(\.[\w-]+)+")


def unfilled(deployment: Mapping[str, Any], environment: Mapping[str, str]) -> Iterator[tuple[Place, str]]:
    """Placeholders of a deployment that deploying would fill with nothing, or not at all; where, and what is wrong."""
    for place, text in _texts(deployment, ()):
        if place[0] == "triggers" and place[2:3] == ("parameters",):
            continue  # filled from the event, when it comes
        for match in _ANY.finditer(text):
            if complaint := _complaint(place, match, environment):
                yield place, complaint


def variables(value: Any) -> set[str]:
    """Names of the variables of the environment that are filled in somewhere in a value."""
    found = (match for _, text in _texts(value, ()) for match in _ANY.finditer(text))
    return {name.group(1) for match in found if (name := _ENVIRONMENT.fullmatch((match.group(1) or "").strip()))}


def _complaint(place: Place, match: re.Match[str], environment: Mapping[str, str]) -> str | None:
    inside = (match.group(1) or "").strip()
    if place[0] == "name":
        return f"expected a name as it is, found {match.group()}; triggers and `-n` know what is written"
    if variable := _ENVIRONMENT.fullmatch(inside):
        if environment.get(variable.group(1)):
            return None
        return f"expected a value for {match.group()}, found that {variable.group(1)} is not set in the environment"
    if place[:2] == ("work_pool", "job_variables") and _AT_RUN_TIME.fullmatch(inside):
        return None
    if _FROM_SERVER.fullmatch(inside):
        if place[0] == "pull":
            return None  # filled when it runs; a missing one fails there
        return (
            f"expected no {match.group()}: Prefect fills it while it deploys, a missing Variable with nothing and a "
            "block in plain text; say it in configs/environments/, or read it in the flow"
        )
    return f"expected {{{{ $NAME }}}} of the environment, found {match.group()}, which nothing fills"


def _texts(value: Any, place: Place) -> Iterator[tuple[Place, str]]:
    if isinstance(value, str):
        yield place, value
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _texts(inner, (*place, key))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _texts(inner, (*place, index))
