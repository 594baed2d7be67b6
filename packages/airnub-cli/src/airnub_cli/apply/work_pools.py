"""Work pools and their queues on the Prefect server, from `infra/work-pools/`.

`<pool>.yaml` is one pool, with the name that deployments use. `_<type>.yaml` is shared by all pools of that type. So
the name of a pool says whose runs it takes, and its type how a machine runs them: on a laptop the same pools have the
type `process`, without a change of any deployment.

Operators decide whether a pool or a queue is paused, and its concurrency limit. The limit of a file applies only to new
pools and queues.
"""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from airnub_cli.apply.blocks import FOLDER as BLOCKS
from airnub_cli.apply.blocks import block_id, required_block_id
from airnub_cli.configuration import POOL_TYPES, PoolType
from airnub_cli.configuration.dotenv import filled, missing
from airnub_cli.configuration.entry_files import Diagnostics, read_entries
from airnub_cli.configuration.environment import Environment, overlay
from airnub_cli.configuration.pools import (
    FOLDER,
    PoolFile,
    Queue,
    base_job_template,
    type_of,
    wrong_defaults,
    wrong_manifest,
)
from airnub_cli.prefect_api import (
    Action,
    BackendError,
    Change,
    Json,
    PrefectServer,
    differences,
    is_same,
    path_of,
    unchanged,
)
from airnub_core.strict_model import StrictModel
from airnub_prefect.errors import Diagnostic
from airnub_prefect.paths import shown
from airnub_prefect.validation import checked
from airnub_prefect.yaml_file import Place, YamlFile

HEARTBEAT = "PREFECT_FLOWS_HEARTBEAT_FREQUENCY"
PREFECTS_HEARTBEAT = 180
"""Prefect's default number of seconds between two heartbeats of a flow run."""
CREDENTIALS = "registry_credentials"
"""The name of a key of environments, and of a job variable of Docker pools."""
LEAST_HEARTBEAT = 30
"""The minimum that Prefect accepts, in seconds."""
_SOME_ID = "00000000-0000-0000-0000-000000000000"


class TypeFile(StrictModel):
    """The content of the file of a pool type."""

    job_variables: dict[str, Any] = {}
    job_manifest: dict[str, Any] = {}
    """Merged over the job manifest of the worker; only for Kubernetes."""


@dataclass(frozen=True, slots=True)
class Pool:
    """The desired state of a pool."""

    name: str
    type: PoolType
    description: str
    job_variables: dict[str, Any]
    queues: tuple[Queue, ...]
    concurrency_limit: int | None
    job_manifest: dict[str, Any] = field(default_factory=dict)
    registry_credentials: str | None = None
    """The block with the credentials for pulling images; only for Docker."""

    @property
    def heartbeat(self) -> int:
        """Seconds between two heartbeats of its runs."""
        value = str(self.job_variables.get("env", {}).get(HEARTBEAT, PREFECTS_HEARTBEAT))
        return int(value) if value.isdecimal() else PREFECTS_HEARTBEAT


def read_pools(
    root: Path, environment: Environment, values: dict[str, str], mistakes: Diagnostics, kind: PoolType | None = None
) -> list[Pool]:
    """Read the pools of an environment.

    Args:
        root: of the repository.
        environment: the environment to apply.
        values: the values for placeholders.
        mistakes: collects the mistakes.
        kind: overrides the type of all pools.
    """
    folder = root / FOLDER
    types: dict[PoolType, TypeFile] = {}
    pools: list[Pool] = []
    retyped: dict[Path, list[str]] = {}
    credentials = environment.says.registry_credentials if environment.says else None
    if credentials and environment.says and environment.says.kind == "kubernetes":
        message = "expected only with Docker pools; in a cluster the Secret airnub-registry is used: docs/registry.md"
        mistakes.add(environment.file, (CREDENTIALS,), f"{CREDENTIALS}: {message}")

    for source in read_entries(PoolFile, folder, environment, mistakes, [f"_{one}.yaml" for one in POOL_TYPES]):
        says = source.says
        if says.name != Path(source.file.path).stem:
            mistakes.add(source.file, ("name",), f"expected the name of its file, found {says.name!r}")
        used = type_of(says, environment.says, kind)
        common = folder / f"_{used}.yaml"
        if used not in types:
            types[used] = _of_type(common, used, values, mistakes)
        if used != says.type and not common.is_file():
            retyped.setdefault(common, []).append(says.name)
        # Job variables of the file's own type mean nothing to a worker of a different type.
        own = _checked(source.file, used, says.job_variables, values, mistakes) if used == says.type else {}
        defaults = overlay(types[used].job_variables, own)
        queues, limit = tuple(says.queues), says.concurrency_limit
        pulls_by = credentials if used == "docker" else None
        manifest = types[used].job_manifest
        pools.append(Pool(says.name, used, says.description, defaults, queues, limit, manifest, pulls_by))
    for common, names in retyped.items():
        its = common.stem.removeprefix("_")
        message = f"expected settings for {its} pools, the type of {', '.join(names)} here; found no such file"
        mistakes.found.append(Diagnostic(shown(common), None, message))
    return pools


def _of_type(path: Path, kind: PoolType, values: dict[str, str], mistakes: Diagnostics) -> TypeFile:
    file = mistakes.file(path) if path.is_file() else None
    if file is None:
        return TypeFile()
    says, wrong = checked(TypeFile, file)
    mistakes.found += wrong
    if says is None:
        return TypeFile()
    variables = _checked(file, kind, says.job_variables, values, mistakes)
    manifest = _filled(file, "job_manifest", says.job_manifest, values, mistakes)
    for place, message in wrong_manifest(kind, manifest) if manifest else ():
        mistakes.add(file, ("job_manifest", *place), message)
    return TypeFile(job_variables=variables, job_manifest=manifest)


def _filled(
    file: YamlFile, key: str, written: dict[str, Any], values: dict[str, str], mistakes: Diagnostics
) -> dict[str, Any]:
    for place, name in missing(written, values):
        message = f"expected {name} in the environment or in .env, found nothing; or write ${{{name}:-default}}"
        mistakes.add(file, (key, *place), message)
    done: dict[str, Any] = filled(written, values)
    return done


def _checked(
    file: YamlFile, kind: PoolType, variables: dict[str, Any], values: dict[str, str], mistakes: Diagnostics
) -> dict[str, Any]:
    """Resolve the placeholders of job variables, and drop those that the worker does not accept."""
    variables = _filled(file, "job_variables", variables, values, mistakes)
    wrong = [*wrong_defaults(kind, variables), *_wrong_heartbeat(variables.get("env"))]
    for place, message in wrong:
        mistakes.add(file, ("job_variables", *place), message)
    return {name: value for name, value in variables.items() if name not in {place[0] for place, _ in wrong if place}}


def _wrong_heartbeat(env: Any) -> Iterator[tuple[Place, str]]:
    """Find a heartbeat frequency with which the import of Prefect fails in a run."""
    value = env.get(HEARTBEAT) if isinstance(env, dict) else None
    if isinstance(value, str) and not (value.isdecimal() and int(value) >= LEAST_HEARTBEAT):
        yield ("env", HEARTBEAT), f"env.{HEARTBEAT}: expected {LEAST_HEARTBEAT} seconds or more, found {value!r}"


def compare_pools(
    server: PrefectServer, wanted: Iterable[Pool], blocks: Collection[str], environment: str, mistakes: Diagnostics
) -> list[Change]:
    """Compare pools and their queues with those of the server; nothing is sent.

    Args:
        server: the server to read from.
        wanted: the desired pools.
        blocks: blocks of the repository, such as `docker-registry-credentials/registry`.
        environment: the name of the environment, whose file names the credentials.
        mistakes: collects credentials that are neither in the repository nor on the server.

    Raises:
        BackendError: a pool has a different type on the server, which Prefect cannot change.
    """
    live = {one["name"]: one for one in server.all("/work_pools/filter")}
    pools = list(wanted)
    _check_types(pools, live)
    for reference in {pool.registry_credentials for pool in pools} - {None, *blocks}:
        if reference is not None and block_id(server, reference) is None:
            message = f"expected the block {reference} in {BLOCKS.as_posix()} or on the server, found none"
            mistakes.found.append(
                Diagnostic(f"configs/environments/{environment}.yaml", None, f"{CREDENTIALS}: {message}")
            )
    return [change for pool in pools for change in _compared(server, pool, live.get(pool.name))]


def _check_types(pools: list[Pool], live: dict[str, Json]) -> None:
    wrong = [pool for pool in pools if pool.name in live and live[pool.name]["type"] != pool.type]
    if wrong:
        types = {live[pool.name]["type"] for pool in pools if pool.name in live}
        kept = next(iter(types)) if len(types) == 1 and types <= {*POOL_TYPES} else None
        advice = "" if kept is None else f"keep this type with `--pools {kept}`, or change it: "
        lines = [
            f"expected the work pool {pool.name} to be of type {pool.type}, found type {live[pool.name]['type']} on "
            f"the server; {advice}`prefect work-pool delete {pool.name}`, apply again, then redeploy the deployments "
            "that run in it"
            for pool in wrong
        ]
        raise BackendError("\n".join([*lines, "Prefect cannot change the type of a pool. Nothing was sent."]))


def _compared(server: PrefectServer, pool: Pool, live: Json | None) -> Iterator[Change]:
    reference = pool.registry_credentials
    body = _body(pool, None if reference is None else block_id(server, reference) or _SOME_ID)

    def sent() -> Json:
        # The block is created before the pool.
        return body if reference is None else _body(pool, required_block_id(server, reference))

    if live is None:
        new = {"name": pool.name, "type": pool.type, "concurrency_limit": pool.concurrency_limit}
        yield Change("work pool", pool.name, Action.CREATED, lambda: _done(server.post("/work_pools/", sent() | new)))
    else:
        kept = _kept(live, pool.concurrency_limit)
        found = {"description": live["description"] or "", "base_job_template": live["base_job_template"]}
        changes = [name for name in body if not is_same(body[name], found[name])]
        if changes:
            yield Change(
                "work pool", pool.name, Action.UPDATED,
                lambda: server.patch(path_of("work_pools", pool.name), {name: sent()[name] for name in changes}),
                tuple(map(_short, differences(body, found, depth=6))), kept,
            )  # fmt: skip
        else:
            yield unchanged("work pool", pool.name, kept)
    queues = server.all(f"{path_of('work_pools', pool.name)}/queues/filter") if live else []
    by_name = {queue["name"]: queue for queue in queues}
    for queue in pool.queues:
        yield _compared_queue(server, pool.name, queue, by_name.get(queue.name))


def _body(pool: Pool, credentials: str | None) -> Json:
    by_reference = {} if credentials is None else {CREDENTIALS: {"$ref": {"block_document_id": credentials}}}
    template = base_job_template(pool.type, pool.job_variables | by_reference, pool.job_manifest)
    return {"description": pool.description, "base_job_template": template}


def _compared_queue(server: PrefectServer, pool: str, queue: Queue, live: Json | None) -> Change:
    name = f"{pool}/{queue.name}"
    path = path_of("work_pools", pool, "queues")
    body = {"description": queue.description or ""} | ({"priority": queue.priority} if queue.priority else {})
    if live is None:
        new = body | {"name": queue.name, "concurrency_limit": queue.concurrency_limit}

        def create() -> None:
            # Prefect creates `default` with the pool, and a deployment may have created any other in the meantime.
            if server.get(f"{path}/{path_of(queue.name)[1:]}") is None:
                server.post(f"{path}/", new)
            else:
                server.patch(f"{path}/{path_of(queue.name)[1:]}", new)

        return Change("work queue", name, Action.CREATED, create)
    kept = _kept(live, queue.concurrency_limit)
    found = {"description": live["description"] or "", "priority": live["priority"]}
    changes = {key: value for key, value in body.items() if value != found[key]}
    if not changes:
        return unchanged("work queue", name, kept)
    return Change(
        "work queue", name, Action.UPDATED, lambda: server.patch(f"{path}/{path_of(queue.name)[1:]}", changes),
        tuple(sorted(changes)), kept,
    )  # fmt: skip


def _kept(live: Json, limit: int | None) -> tuple[str, ...]:
    """The values that an operator has set."""
    kept = ["paused"] if live["is_paused"] else []
    if live["concurrency_limit"] is not None and live["concurrency_limit"] != limit:
        kept.append(f"limit {live['concurrency_limit']}")
    return tuple(kept)


def _short(place: str) -> str:
    """Shorten a place in a template to `env.PREFECT_API_URL`."""
    head, _, name = place.partition("base_job_template.variables.properties.")
    return name.replace(".default", "", 1) if not head and name else place


def _done(_: Json) -> None: ...
