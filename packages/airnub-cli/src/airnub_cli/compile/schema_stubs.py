"""Schemas: how Prefect describes the parameters of flows, left out where nothing but whether it can is of interest.

Prefect makes the schema of each parameter of a flow twice when the flow is imported, for forms in its UI and for what
the server checks. That is more than half of what importing departments costs.
"""

import inspect
from collections.abc import Callable
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin

from pydantic import BaseModel


def without_schemas() -> None:
    """From now on this process gives flows empty schemas: they are good to look at, and for nothing else."""
    from prefect import flows
    from prefect.utilities import callables

    make, empty = callables.parameter_schema, callables.parameter_schema(_nothing)

    def quick(function: Callable[..., Any]) -> Any:
        return empty if _is_simple(function) else make(function)

    vars(flows)["parameter_schema"] = quick


def _nothing() -> None: ...


def _is_simple(function: Callable[..., Any]) -> bool:
    """Whether all parameters are of types for which a schema can always be made."""
    try:
        signature = inspect.signature(function, eval_str=True)
    except (NameError, TypeError):
        return False
    return all(_is_safe(one.annotation) for one in signature.parameters.values())


def _is_safe(annotation: Any) -> bool:
    if get_origin(annotation) in {Union, UnionType}:
        return all(map(_is_safe, get_args(annotation)))
    if annotation in {str, int, float, bool, NoneType}:
        return True
    return isinstance(annotation, type) and issubclass(annotation, BaseModel) and bool(annotation.__pydantic_complete__)
