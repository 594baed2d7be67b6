"""Steps: what a deployment pulls before a run, by functions that Prefect looks up when it is too late."""

import inspect
from collections.abc import Iterator
from importlib import import_module
from typing import Any

from airnub_prefect.validation import nearest_or_all
from airnub_prefect.yaml_file import Place

_OF_EVERY_STEP = {"id", "requires"}


def wrong_steps(pull: list[Any]) -> Iterator[tuple[Place, str]]:
    """Steps of a `pull` whose function does not exist, or takes other arguments."""
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
