"""Work pool files, `infra/work-pools/<pool>.yaml`, and the base job templates of their types."""

import functools
import json
import re
from collections.abc import Iterator, Mapping
from copy import deepcopy
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, Field

from airnub_cli.cache import NO_CACHE, Cache, digest_of
from airnub_cli.configuration import PoolType
from airnub_cli.configuration.entry_files import Entry
from airnub_cli.configuration.environment import EnvironmentFile, overlay
from airnub_core.strict_model import StrictModel
from airnub_prefect.errors import ConfigurationError, Diagnostic
from airnub_prefect.paths import shown
from airnub_prefect.validation import checked, nearest_or_all
from airnub_prefect.yaml_file import Place, read_yaml

Template = dict[str, Any]

_BUNDLED = Path("api", "collections_data", "views", "aggregate-worker-metadata.json")
"""In Prefect's server."""


def base_job_template(
    kind: PoolType, defaults: Mapping[str, Any], manifest: Mapping[str, Any] | None = None
) -> Template:
    """The base job template of a type of pool, with defaults for its job variables.

    Args:
        kind: of the pool.
        defaults: by name of the job variable.
        manifest: merged over the job manifest that the worker sends to Kubernetes.
    """
    template = deepcopy(_default(kind))
    properties = template["variables"]["properties"]
    for name, value in defaults.items():
        properties[name]["default"] = value
    if manifest:
        configuration = template["job_configuration"]
        configuration[_MANIFEST] = overlay(configuration[_MANIFEST], manifest)
    return template


def job_variables(kind: PoolType, cache: Cache = NO_CACHE) -> list[str]:
    """The names of the job variables that a worker of this type knows."""
    names = cache.get("job-variables", digest_of(kind))
    if not isinstance(names, list):
        names = list(_default(kind)["variables"]["properties"])
        cache.put("job-variables", digest_of(kind), names)
    return names


_RIGHT: set[str | None] = set()
"""Digests of defaults without a mistake: most departments have the same."""


def wrong_defaults(kind: PoolType, defaults: Mapping[str, Any], cache: Cache = NO_CACHE) -> list[tuple[Place, str]]:
    """Find job variables that a worker of this type does not accept, each with its place."""
    try:
        digest = digest_of(kind, json.dumps(defaults, sort_keys=True))
    except TypeError:
        digest = None
    if digest in _RIGHT:
        return []
    found: list[tuple[Place, str]] = []
    if cache.get("defaults", digest) != "right":
        found = list(_wrong_defaults(kind, defaults))
        if not found:
            cache.put("defaults", digest, "right")
    if not found:
        _RIGHT.update({digest} - {None})
    return found


def _wrong_defaults(kind: PoolType, defaults: Mapping[str, Any]) -> Iterator[tuple[Place, str]]:
    from prefect.utilities.schema_tools.validation import validate

    schema = _default(kind)["variables"]
    names = list(schema["properties"])
    known: dict[str, Any] = {}
    for name, value in defaults.items():
        if name in names:
            known[name] = value
        else:
            advice = nearest_or_all(name, names)
            yield (name,), f"unknown job variable {name!r} of a {kind} pool; {advice}"
    errors = {
        tuple(error.absolute_path): (_expected(error.schema), error.instance)
        for error in validate(known, schema, preprocess=False, ignore_required=True)
    }
    for place, (expected, found) in errors.items():
        said = " or ".join(expected) or "a value that the worker accepts"
        yield place, f"{'.'.join(map(str, place))}: expected {said}, found {_shown(found, expected)}"
    if kind == "kubernetes":
        for name in sorted(_AMOUNTS & known.keys()):
            value = known[name]
            if isinstance(value, str) and not _QUANTITY.fullmatch(value):
                yield (name,), f"{name}: expected a quantity of Kubernetes such as 500m or 2Gi, found {value!r}"


def wrong_manifest(kind: PoolType, manifest: Any, place: Place = ()) -> Iterator[tuple[Place, str]]:
    """Find mistakes in a job manifest for this type of worker, each with its place."""
    from prefect.utilities.templating import find_placeholders

    template = _default(kind)
    if _MANIFEST not in template["job_configuration"]:
        yield place, f"expected no {_MANIFEST}: a {kind} pool has none"
    elif isinstance(manifest, str):
        known = template["variables"]["properties"]
        for one in sorted(found.name for found in find_placeholders(manifest)):
            if one not in known:
                advice = nearest_or_all(one, known)
                yield place, f"expected a job variable of a {kind} pool in {{{{ }}}}, found {one!r}; {advice}"
    elif isinstance(manifest, Mapping | list):
        inner = manifest.items() if isinstance(manifest, Mapping) else enumerate(manifest)
        for key, value in inner:
            yield from wrong_manifest(kind, value, (*place, key))


_MANIFEST = "job_manifest"
_AMOUNTS = frozenset({"cpu_request", "cpu_limit", "memory_request", "memory_limit"})
_QUANTITY = re.compile(r"[0-9]+(\.[0-9]+)?(m|[kMGTPE]|[KMGTPE]i)?")

_WORDS = {
    "string": "text", "array": "a list", "object": "a mapping", "boolean": "true or false", "integer": "a number",
    "number": "a number",
}  # fmt: skip


def _expected(schema: Any) -> list[str]:
    """Describe the values that a part of a schema accepts, for messages; null is omitted, since nothing needs it."""
    if not isinstance(schema, Mapping):
        return []
    alternatives = schema.get("anyOf", schema.get("oneOf", ()))
    said = [*map(str, schema.get("enum", ())), *(word for one in alternatives for word in _expected(one))]
    if not said and schema.get("type") in _WORDS:
        said = [_WORDS[schema["type"]]]
    return list(dict.fromkeys(said))


def _shown(value: object, expected: list[str]) -> str:
    if isinstance(value, Mapping | list):
        return "a mapping" if isinstance(value, Mapping) else "a list"
    if value is None:
        return "null; without the key the default holds"
    if isinstance(value, str):
        return repr(value)
    return f"{json.dumps(value, default=str)}{'; put it in quotes' if 'text' in expected else ''}"


@functools.cache
def _default(kind: PoolType) -> Template:
    match kind:
        case "docker":
            from prefect_docker.worker import DockerWorker  # type: ignore[import-untyped]

            docker: Template = DockerWorker.get_default_base_job_template()
            return docker
        case "process":
            from prefect.workers.process import ProcessWorker

            return ProcessWorker.get_default_base_job_template()
    # The worker's package is installed only where it runs; Prefect's server includes its template.
    import prefect.server

    bundled = Path(prefect.server.__file__).parent / _BUNDLED
    collections: dict[str, dict[str, Any]] = json.loads(bundled.read_bytes())
    [template] = [
        worker["default_base_job_configuration"]
        for workers in collections.values()
        for worker in workers.values()
        if worker["type"] == kind
    ]
    found: Template = template
    return found


FOLDER = Path("infra", "work-pools")

Name = Annotated[str, Field(min_length=1, pattern=r"^[^/%&><]+$")]
Limit = Annotated[int, Field(ge=0)]


def _not_reserved(name: str) -> str:
    if name.lower().startswith("prefect"):
        raise ValueError("expected a name that does not begin with `prefect`, which keeps those for itself")
    return name


class Queue(StrictModel):
    """A queue of a pool. Every pool has a queue called `default`."""

    name: Name
    description: str | None = None
    priority: Annotated[int, Field(ge=1)] | None = None
    """1 is the highest priority; without it, Prefect gives a new queue the lowest."""
    concurrency_limit: Limit | None = None
    """Of a new queue."""


class PoolFile(Entry):
    """The content of a pool's file."""

    name: Annotated[Name, AfterValidator(_not_reserved)]
    type: PoolType
    description: str = ""
    job_variables: dict[str, Any] = {}
    """Defaults for job variables, which deployments may override."""
    queues: list[Queue] = []
    concurrency_limit: Limit | None = None
    """Of a new pool."""


def pool_files(root: Path) -> dict[str, Path]:
    """The work pool files by name; a file whose name begins with `_` is shared by several pools."""
    files = sorted((root / FOLDER).glob("*.yaml"))
    return {path.stem: path for path in files if not path.name.startswith("_")}


def read_pool_files(root: Path) -> tuple[dict[str, PoolFile], list[Diagnostic]]:
    """The valid pools by name, and the mistakes in the others."""
    pools: dict[str, PoolFile] = {}
    mistakes: list[Diagnostic] = []
    for name, path in pool_files(root).items():
        try:
            file = read_yaml(Path(shown(path)))
        except ConfigurationError as error:
            mistakes += error.mistakes
            continue
        says, wrong = checked(PoolFile, file)
        mistakes += [*file.mistakes, *wrong]
        if says is not None:
            pools[name] = says
    return pools, mistakes


def type_of(pool: PoolFile, environment: EnvironmentFile | None, asked: PoolType | None = None) -> PoolType:
    """The type of a pool: the requested one, else the environment's, else that in the pool's own file."""
    return asked or (environment.kind if environment else None) or pool.type
