"""Base job templates: what a pool's worker understands, by its type, with our defaults in it."""

import json
from collections.abc import Iterator, Mapping
from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any

import prefect.server
from prefect.utilities.schema_tools.validation import validate
from prefect.workers.process import ProcessWorker
from prefect_docker.worker import DockerWorker  # type: ignore[import-untyped]

from airnub_cli.configuration.environment import PoolType
from airnub_prefect.validation import nearest
from airnub_prefect.yaml_file import Place

Template = dict[str, Any]

_BUNDLED = (
    Path(prefect.server.__file__).parent / "api" / "collections_data" / "views" / "aggregate-worker-metadata.json"
)


def base_job_template(kind: PoolType, defaults: Mapping[str, Any]) -> Template:
    """The template of a type of pool, with defaults for its job variables."""
    template = deepcopy(_default(kind))
    properties = template["variables"]["properties"]
    for name, value in defaults.items():
        properties[name]["default"] = value
    return template


def understood(kind: PoolType, variables: Mapping[str, Any]) -> dict[str, Any]:
    """Those job variables that a worker of this type knows; departments write Docker's."""
    names = _default(kind)["variables"]["properties"]
    return {name: value for name, value in variables.items() if name in names}


def wrong_defaults(kind: PoolType, defaults: Mapping[str, Any]) -> Iterator[tuple[Place, str]]:
    """What a worker of this type would not understand, with the place of each."""
    schema = _default(kind)["variables"]
    names = list(schema["properties"])
    known: dict[str, Any] = {}
    for name, value in defaults.items():
        if name in names:
            known[name] = value
        else:
            advice = nearest(name, names) or f"valid are {', '.join(sorted(names))}"
            yield (name,), f"unknown job variable {name!r} of a {kind} pool; {advice}"
    for error in validate(known, schema, preprocess=False, ignore_required=True):
        place = tuple(error.absolute_path)
        expected = error.schema.get("type") if isinstance(error.schema, dict) else None
        said = f"expected {_WORDS[expected]}" if expected in _WORDS else f"expected a value that fits: {error.message}"
        yield place, f"{'.'.join(map(str, place))}: {said}, found {_shown(error.instance)}"


_WORDS = {"string": "text", "array": "a list", "object": "a mapping", "boolean": "true or false", "integer": "a number"}


def _shown(value: object) -> str:
    if isinstance(value, Mapping | list):
        return "a mapping" if isinstance(value, Mapping) else "a list"
    return f"{value!r}" if isinstance(value, str) else f"{json.dumps(value)}; put it in quotes"


@cache
def _default(kind: PoolType) -> Template:
    match kind:
        case "docker":
            docker: Template = DockerWorker.get_default_base_job_template()
            return docker
        case "process":
            return ProcessWorker.get_default_base_job_template()
    # The worker itself is in nobody's environment but its own; Prefect's server brings what it understands.
    collections: dict[str, dict[str, Any]] = json.loads(_BUNDLED.read_bytes())
    [template] = [
        worker["default_base_job_configuration"]
        for workers in collections.values()
        for worker in workers.values()
        if worker["type"] == kind
    ]
    found: Template = template
    return found
