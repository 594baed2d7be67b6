"""Check of one deployment by itself: its flow and parameters, pools, `pull` steps, and placeholders.

Parameters of schedules and triggers are checked here, against the flow; `schedule` has all other rules of schedules.

Prefect looks up the function of a step too late, and replaces an unknown placeholder by nothing, with exit status 0.
"""

import inspect
import logging
import re
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import Any

from pydantic import TypeAdapter, ValidationError

from airnub_cli.compile.prefect_yaml import DeploymentEntry, list_at, mapping_at, text_at
from airnub_cli.compile.prefect_yaml_schema import GUARD
from airnub_cli.compile.schedule import duplicate_slugs
from airnub_cli.configuration.pools import wrong_defaults
from airnub_cli.import_errors import import_mistake
from airnub_cli.workspace import INSTALL_ALL
from airnub_prefect.errors import Diagnostic
from airnub_prefect.validation import nearest_or_all
from airnub_prefect.yaml_file import Place

_MODULE_FORM = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)+")
_COMPLAINT = re.compile(r"^ ?- (.*?): (.*)$", re.MULTILINE)


class EntrypointError(Exception):
    """An entrypoint does not refer to a flow; `cause` is what raised the failed import."""

    def __init__(self, message: str, cause: BaseException | None = None) -> None:
        super().__init__(message)
        self.cause = cause


@dataclass(frozen=True, slots=True)
class ParameterMisfit:
    """A parameter that does not fit; `place` begins with its name."""

    place: Place
    message: str


def load_flow(entrypoint: str) -> Any:
    """Import the flow at `package.module.function`.

    A file path as entrypoint is rejected: Prefect deploys it even if it cannot be imported, and its runs crash.

    Raises:
        EntrypointError: the entrypoint has a different form, cannot be imported, or is not a flow.
    """
    from prefect import Flow

    if _MODULE_FORM.fullmatch(entrypoint) is None:
        raise EntrypointError(f"expected an importable flow as package.module.function, found {entrypoint!r}")
    module, _, name = entrypoint.rpartition(".")
    try:
        found = import_module(module)
    except ModuleNotFoundError as error:
        raise EntrypointError(
            f"expected an importable flow, found {entrypoint!r}: {error}; "
            f"is it installed? {INSTALL_ALL} installs every department",
            error,
        ) from None
    except (Exception, SystemExit) as error:  # noqa: BLE001  # whatever the module does when it is imported
        raise EntrypointError(
            f"expected an importable flow, found {entrypoint!r}: importing {module} raises "
            f"{type(error).__name__}: {error}",
            error,
        ) from None
    flow = getattr(found, name, None)
    if not isinstance(flow, Flow):
        flows = sorted(key for key, value in vars(found).items() if isinstance(value, Flow))
        has = "nothing of that name" if flow is None else f"{type(flow).__name__} {name!r}"
        raise EntrypointError(f"expected a flow, found {has} in {module}; its flows are {', '.join(flows) or 'none'}")
    return flow


def misfits(flow: Any, parameters: dict[str, Any], *, complete: bool) -> Iterator[ParameterMisfit]:
    """Validate parameters against a flow, as the flow does when it runs.

    Args:
        flow: that of the deployment.
        parameters: by name.
        complete: a run starts with these parameters only, so those without a default are required.
    """
    signature = inspect.signature(flow.fn).parameters
    unknown = [name for name in parameters if name not in signature]
    for name in unknown:
        yield ParameterMisfit((name,), f"unknown parameter of flow {flow.name!r}; {nearest_or_all(name, signature)}")
    missing = [name for name, one in signature.items() if one.default is one.empty and name not in parameters]
    if missing and complete:
        for name in missing:
            yield ParameterMisfit(
                (), f"missing parameter {name!r}, which flow {flow.name!r} needs; scheduled runs lack it"
            )
    given = {name: value for name, value in parameters.items() if name in signature}
    if missing:
        from prefect.utilities.callables import parameter_schema
        from prefect.utilities.schema_tools.validation import validate

        # The server checks these for a deployment whose parameters are completed when a run is started.
        schema = parameter_schema(flow).model_dump_for_openapi()
        for error in validate(given, schema, ignore_required=True):
            # Its message would repeat the value, which may be a secret.
            message = f"expected {_rule(error)}, as flow {flow.name!r} declares"
            yield ParameterMisfit(tuple(error.absolute_path), message)
        return
    if not given:
        return  # Prefect does not validate defaults
    from prefect.exceptions import ParameterTypeError
    from prefect.utilities.callables import get_call_parameters

    told: dict[Place, list[str]] = {}
    logger = logging.getLogger("prefect.flows")
    with _silent(logger):  # it logs the parameters, and a mistake in them may be a secret in the wrong place
        try:
            flow.validate_parameters(get_call_parameters(flow.fn, (), given))
        except ParameterTypeError as error:
            for place, message in _COMPLAINT.findall(str(error)):
                told.setdefault(_written(place.split("."), given), []).append(message)
    for at, messages in told.items():
        yield ParameterMisfit(at, f"{' or '.join(dict.fromkeys(messages))} (flow {flow.name!r})")


def _rule(error: Any) -> str:
    return f"{error.validator} {error.validator_value}" if error.validator == "type" else str(error.validator)


def _written(steps: list[str], value: Any) -> Place:
    """The steps of an error location that exist in the parameters; the others name alternatives of a union."""
    place: list[str | int] = []
    for step in steps:
        if isinstance(value, dict) and step in value:
            value = value[step]
            place.append(step)
        elif isinstance(value, list) and step.isdigit() and int(step) < len(value):
            value = value[int(step)]
            place.append(int(step))
    return tuple(place)


@contextmanager
def _silent(logger: logging.Logger) -> Iterator[None]:
    before, logger.disabled = logger.disabled, True
    try:
        yield
    finally:
        logger.disabled = before


_ANY = re.compile(r"\{\{(.*?)\}\}|\{%.*?%\}|\{\{", re.DOTALL)
_ENVIRONMENT = re.compile(r"\$([A-Za-z_]\w*)")
_AT_RUN_TIME = re.compile(r"ctx(\.[\w-]+)+")
_FROM_SERVER = re.compile(r"prefect\.(variables|blocks)(\.[\w-]+)+")


def unfilled(deployment: Mapping[str, Any], environment: Mapping[str, str]) -> Iterator[tuple[Place, str]]:
    """Find placeholders that a deploy would leave empty or unresolved; returns places and messages."""
    for place, match in _placeholders(deployment):
        if place[0] == "triggers" and place[2:3] == ("parameters",):
            continue  # filled from the event, when it arrives
        if complaint := _complaint(place, match, environment):
            yield place, complaint


def variables(value: Any) -> set[str]:
    """Names of the environment variables that placeholders in a value use."""
    found = (match for _, match in _placeholders(value))
    return {name.group(1) for match in found if (name := _ENVIRONMENT.fullmatch((match.group(1) or "").strip()))}


def _complaint(place: Place, match: re.Match[str], environment: Mapping[str, str]) -> str | None:
    inside = (match.group(1) or "").strip()
    if place[0] == "name":
        return f"expected a name without placeholders, found {match.group()}; triggers and `-n` use the name as written"
    if variable := _ENVIRONMENT.fullmatch(inside):
        if environment.get(variable.group(1)):
            return None
        return f"expected a value for {match.group()}, found that {variable.group(1)} is not set in the environment"
    if place[:2] == ("work_pool", "job_variables") and _AT_RUN_TIME.fullmatch(inside):
        return None
    if _FROM_SERVER.fullmatch(inside):
        if place[0] == "pull":
            return None  # filled at run time, where a missing one fails the run
        return (
            f"expected no {match.group()}: Prefect replaces it during the deploy, a missing Variable by nothing and a "
            "block by its plain text; set the value in configs/environments/, or read it in the flow"
        )
    return f"expected {{{{ $NAME }}}} of the environment, found {match.group()}, which is never filled"


def _placeholders(value: Any) -> Iterator[tuple[Place, re.Match[str]]]:
    text = repr(value)
    if "{{" not in text and "{%" not in text:
        return  # as in most deployments, whose single texts need not be searched
    for place, one in _texts(value, ()):
        for match in _ANY.finditer(one):
            yield place, match


def _texts(value: Any, place: Place) -> Iterator[tuple[Place, str]]:
    if isinstance(value, str):
        yield place, value
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _texts(inner, (*place, key))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _texts(inner, (*place, index))


_OF_EVERY_STEP = {"id", "requires"}


def wrong_steps(pull: list[Any]) -> Iterator[tuple[Place, str]]:
    """Find `pull` steps whose function does not exist or does not accept the given arguments."""
    for index, step in enumerate(pull):
        for name, arguments in step.items() if isinstance(step, dict) else ():
            function = _function(name)
            if function is None:
                yield (index, name), f"expected a step such as prefect.deployments.steps.git_clone, found {name!r}"
                continue
            taken = inspect.signature(function).parameters
            if any(one.kind is one.VAR_KEYWORD for one in taken.values()):
                continue
            given = arguments if isinstance(arguments, dict) else {}
            for argument in given:
                if argument not in taken and argument not in _OF_EVERY_STEP:
                    yield (index, name, argument), f"unknown argument of the step; {nearest_or_all(argument, taken)}"
            for argument, one in taken.items():
                if one.default is one.empty and argument not in given:
                    yield (index, name), f"missing argument {argument!r} of the step"


def _function(name: str) -> Any:
    module, _, function = name.rpartition(".")
    try:
        found = getattr(import_module(module), function, None)
    except (ImportError, ValueError):
        return None
    return found if callable(found) else None


def wrong(entry: DeploymentEntry) -> Iterator[Diagnostic]:
    """Find the mistakes of one deployment in its file, and against its flow."""
    source = entry.source
    if entry.name is not None and not f"{entry.name}-".startswith(f"{source.command}-"):
        yield entry.mistake(f"expected a name that begins with {source.command}-, found {entry.name!r}", "name")
    yield from _unguarded(entry)
    yield from _pulled(entry)
    yield from _placed(entry)
    yield from _flow(entry)
    for index, slug in duplicate_slugs([text_at(one, "slug") for one in list_at(entry.value, "schedules")]):
        yield entry.mistake(f"duplicate {slug!r}", "schedules", index, "slug")
    for index, trigger in enumerate(list_at(entry.value, "triggers")):
        if complaint := _refused_by_prefect(trigger):
            yield entry.mistake(complaint, "triggers", index)


def misplaced(entry: DeploymentEntry, pools: Collection[str], environment: Mapping[str, str]) -> Iterator[Diagnostic]:
    """Find the mistakes of one deployment, each with its place.

    Args:
        entry: the deployment.
        pools: names of existing pools.
        environment: values for placeholders.
    """
    for place, message in unfilled(entry.value, environment):
        yield entry.mistake(message, *place)
    pool = text_at(entry.value, "work_pool", "name")
    # The template is never deployed, so its pool has no file.
    if pool is not None and pool not in pools and entry.source.registered is not None:
        message = f"expected a pool of infra/work-pools/, found {pool!r}; {nearest_or_all(pool, pools)}"
        yield entry.mistake(message, "work_pool", "name")


def _unguarded(entry: DeploymentEntry) -> Iterator[Diagnostic]:
    steps = list_at(entry.source.value, "build")
    guarded = {name for step in steps for name in list_at(step, GUARD, "names") if isinstance(name, str)}
    if lacking := sorted(variables(entry.value) - guarded):
        wanted = f"build: [{{{GUARD}: {{names: [{', '.join(lacking)}]}}}}]"
        yield entry.mistake(f"expected {wanted} at the top of the file: Prefect replaces unset variables by nothing")


def _pulled(entry: DeploymentEntry) -> Iterator[Diagnostic]:
    source = entry.source
    pull = entry.value.get("pull", source.value.get("pull"))
    if pull is None:
        yield entry.mistake(
            "missing key 'pull': without one Prefect writes the folder on the deploying machine into the deployment"
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
        message = f"expected {expected}, found {found}; `airnub compile --env` replaces it"
        yield entry.mistake(message, "work_pool", "job_variables", "image")
    variables = mapping_at(entry.value, "work_pool", "job_variables")
    # Without the expected image, the variables of most departments are equal, and are checked once.
    others = {name: value for name, value in variables.items() if name != "image" or value != expected}
    for place, message in wrong_defaults("docker", others):
        yield entry.mistake(message, "work_pool", "job_variables", *place)


def _flow(entry: DeploymentEntry) -> Iterator[Diagnostic]:
    entrypoint = text_at(entry.value, "entrypoint")
    if entrypoint is None:
        return
    if "{{" in entrypoint:
        yield entry.mistake("expected an entrypoint without placeholders, found one", "entrypoint")
        return
    try:
        flow = load_flow(entrypoint)
    except EntrypointError as error:
        mistake = entry.mistake(str(error), "entrypoint")
        yield mistake if error.cause is None else import_mistake(error.cause, mistake)
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
        # Values that come from the event are unknown until it occurs.
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
    """Errors that only Prefect's own models find, such as a `within` that is too short for a `Proactive` trigger."""
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
