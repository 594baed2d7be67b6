"""A deployment by itself: what is wrong with it, whatever stands in the others."""

from collections.abc import Collection, Iterator, Mapping
from functools import cache
from typing import Any

from pydantic import TypeAdapter, ValidationError

from airnub_cli.compile.department_file import DeploymentEntry, list_at, mapping_at, text_at
from airnub_cli.compile.entrypoints import EntrypointError, load_flow, misfits
from airnub_cli.compile.placeholders import unfilled, variables
from airnub_cli.compile.schema import GUARD
from airnub_cli.compile.steps import wrong_steps
from airnub_cli.configuration.job_templates import wrong_defaults
from airnub_prefect.errors import Diagnostic
from airnub_prefect.validation import nearest_or_all
from airnub_prefect.yaml_file import Place


def wrong(entry: DeploymentEntry) -> Iterator[Diagnostic]:
    """What is wrong with one deployment by itself: by what is written of it, and by its flow."""
    source = entry.source
    if entry.name is not None and not f"{entry.name}-".startswith(f"{source.command}-"):
        yield entry.mistake(f"expected a name that begins with {source.command}-, found {entry.name!r}", "name")
    yield from _unguarded(entry)
    yield from _pulled(entry)
    yield from _placed(entry)
    yield from _flow(entry)
    slugs = [text_at(schedule, "slug") for schedule in list_at(entry.value, "schedules")]
    for index, slug in enumerate(slugs):
        if slug is not None and slug in slugs[:index]:
            yield entry.mistake(f"duplicate {slug!r}", "schedules", index, "slug")
    for index, trigger in enumerate(list_at(entry.value, "triggers")):
        if complaint := _refused_by_prefect(trigger):
            yield entry.mistake(complaint, "triggers", index)


def misplaced(entry: DeploymentEntry, pools: Collection[str], environment: Mapping[str, str]) -> Iterator[Diagnostic]:
    """What is wrong with one deployment where it is.

    Args:
        entry: the deployment.
        pools: names of those that there are.
        environment: what placeholders are filled from.
    """
    for place, message in unfilled(entry.value, environment):
        yield entry.mistake(message, *place)
    pool = text_at(entry.value, "work_pool", "name")
    # Nothing applies a pool of the template, so it has no file.
    if pool is not None and pool not in pools and entry.source.registered is not None:
        message = f"expected a pool of infra/work-pools/, found {pool!r}; {nearest_or_all(pool, pools)}"
        yield entry.mistake(message, "work_pool", "name")


def _unguarded(entry: DeploymentEntry) -> Iterator[Diagnostic]:
    steps = list_at(entry.source.value, "build")
    guarded = {name for step in steps for name in list_at(step, GUARD, "names") if isinstance(name, str)}
    if lacking := sorted(variables(entry.value) - guarded):
        wanted = f"build: [{{{GUARD}: {{names: [{', '.join(lacking)}]}}}}]"
        yield entry.mistake(f"expected {wanted} at the top of the file: Prefect fills what is not set with nothing")


def _pulled(entry: DeploymentEntry) -> Iterator[Diagnostic]:
    source = entry.source
    pull = entry.value.get("pull", source.value.get("pull"))
    if pull is None:
        yield entry.mistake(
            "missing key 'pull': without one Prefect writes the folder of whoever deploys into the deployment"
        )
    for place, message in wrong_steps(pull if isinstance(pull, list) else []):
        if "pull" in entry.value:
            yield entry.mistake(message, "pull", *place)
        else:
            at = ("pull", *place)
            yield source.file.mistake(at, f"{'.'.join(map(str, at))}: {message}")


def _placed(entry: DeploymentEntry) -> Iterator[Diagnostic]:
    source = entry.source
    image, expected = text_at(entry.value, "work_pool", "job_variables", "image"), f"airnub/{source.command}:local"
    if image != expected:
        found = "nothing" if image is None else repr(image)
        message = f"expected {expected}, found {found}; `--env` writes other ones"
        yield entry.mistake(message, "work_pool", "job_variables", "image")
    for place, message in wrong_defaults("docker", mapping_at(entry.value, "work_pool", "job_variables")):
        yield entry.mistake(message, "work_pool", "job_variables", *place)


def _flow(entry: DeploymentEntry) -> Iterator[Diagnostic]:
    entrypoint = text_at(entry.value, "entrypoint")
    if entrypoint is None:
        return
    if "{{" in entrypoint:
        yield entry.mistake("expected it as it is, found a placeholder", "entrypoint")
        return
    try:
        flow = load_flow(entrypoint)
    except EntrypointError as error:
        yield entry.mistake(str(error), "entrypoint")
        return
    if not entrypoint.startswith(f"{entry.source.department}."):
        message = f"expected a flow of {entry.source.department}, found {entrypoint!r}"
        yield entry.mistake(message, "entrypoint")
    parameters = mapping_at(entry.value, "parameters")
    schedules, triggers = list_at(entry.value, "schedules"), list_at(entry.value, "triggers")
    starts: list[tuple[Place, dict[str, Any]]] = [
        *((("schedules", index), mapping_at(one, "parameters")) for index, one in enumerate(schedules)),
        *((("triggers", index), mapping_at(one, "parameters")) for index, one in enumerate(triggers)),
    ]
    own = list(misfits(flow, parameters, complete=False))
    for misfit in own:
        yield entry.mistake(misfit.message, "parameters", *misfit.place)
    for place, more in starts:
        # What comes from the event is not known before it.
        known = {name: value for name, value in more.items() if not _is_template(value)}
        templates = more.keys() - known.keys()
        for misfit in misfits(flow, parameters | known, complete=not templates):
            if misfit not in own:
                yield entry.mistake(misfit.message, *place, "parameters", *misfit.place)


def _is_template(value: Any) -> bool:
    if isinstance(value, dict):
        return "__prefect_kind" in value or any(map(_is_template, value.values()))
    return any(map(_is_template, value)) if isinstance(value, list) else isinstance(value, str) and "{{" in value


def _refused_by_prefect(trigger: Any) -> str | None:
    """What Prefect's own models say that ours let pass, such as a `within` that is too short for a `Proactive` one."""
    try:
        _triggers().validate_python(trigger)
    except ValidationError as error:
        messages = [str(detail["msg"]) for detail in error.errors() if detail["type"] == "value_error"]
        return "; ".join(messages).replace("Value error, ", "") or None
    return None


@cache
def _triggers() -> TypeAdapter[Any]:
    from prefect.events import DeploymentTriggerTypes

    return TypeAdapter(DeploymentTriggerTypes)
