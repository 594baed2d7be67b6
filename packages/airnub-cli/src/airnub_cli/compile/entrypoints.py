"""Entrypoints: the module and flow that a deployment names, and whether its parameters fit the flow."""

import inspect
import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from airnub_cli.workspace import INSTALL_ALL
from airnub_prefect.validation import nearest_or_all
from airnub_prefect.yaml_file import Place

_MODULE_FORM = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)+")
_COMPLAINT = re.compile(r"^ ?- (.*?): (.*)$", re.MULTILINE)


class EntrypointError(Exception):
    """An entrypoint does not refer to a flow."""


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
            f"is it installed? {INSTALL_ALL} installs every department"
        ) from None
    except (Exception, SystemExit) as error:  # noqa: BLE001  # whatever the module does when it is imported
        raise EntrypointError(
            f"expected an importable flow, found {entrypoint!r}: importing {module} raises "
            f"{type(error).__name__}: {error}"
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
    from prefect.exceptions import ParameterTypeError
    from prefect.utilities.callables import get_call_parameters, parameter_schema
    from prefect.utilities.schema_tools.validation import validate

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
        # The server checks these for a deployment whose parameters are completed when a run is started.
        schema = parameter_schema(flow).model_dump_for_openapi()
        for error in validate(given, schema, ignore_required=True):
            # Its message would repeat the value, which may be a secret.
            yield ParameterMisfit(tuple(error.absolute_path), f"expected what flow {flow.name!r} takes: {_rule(error)}")
        return
    if not given:
        return  # Prefect does not validate defaults
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
