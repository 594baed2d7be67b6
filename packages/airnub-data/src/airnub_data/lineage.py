"""Lineage: the inputs of datasets, their names, and the build order of datasets."""

import inspect
import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple, Protocol, TypeVar

from airnub_core.errors import DatasetError

_PUBLISHED = re.compile(
    r"(?P<department>[a-z][a-z0-9_]*)/(?P<name>[A-Za-z0-9_][A-Za-z0-9_-]*)(\.v(?P<version>[1-9]\d*))?"
)


class Declared(Protocol):
    """The part of `Dataset` that this module needs; `Dataset` itself imports this module."""

    @property
    def stem(self) -> str:
        """Name of the table."""
        ...

    @property
    def own_inputs(self) -> "Sequence[Declared]":
        """Inputs that belong to the same department."""
        ...


DeclaredT = TypeVar("DeclaredT", bound=Declared)


class PublishedName(NamedTuple):
    """Name of a dataset that a department publishes."""

    department: str
    name: str
    version: int | None
    """Version of the contract; `None`: the lowest published one."""


def published_name(given: str) -> PublishedName:
    """Parse `department/name`, or `department/name.v2` for version 2 of the contract.

    >>> published_name("crm/customers.v2")
    PublishedName(department='crm', name='customers', version=2)

    Raises:
        ValueError: the text has a different form.
    """
    match = _PUBLISHED.fullmatch(given)
    if match is None:
        raise ValueError(f"expected department/name, found {given!r}")
    version = match["version"]
    return PublishedName(match["department"], match["name"], None if version is None else int(version))


def input_name(given: Declared | str) -> str:
    """Return the name of an input for commits and messages: its table name, or `department/name`."""
    return given if isinstance(given, str) else given.stem


def input_problem(inputs: Any, transform: Callable[..., Any] | None) -> str | None:
    """Return why inputs and transform of a declaration are invalid, or `None` if they are valid."""
    if not isinstance(inputs, tuple):
        return f"expected a tuple as `inputs`, such as (ORDERS, 'crm/customers'), found {type(inputs).__name__}"
    for given in inputs:
        if isinstance(given, str):
            try:
                published_name(given)
            except ValueError as error:
                return f"`inputs`: {error}; a dataset of this department is given as its declaration, such as ORDERS"
        elif not hasattr(given, "stem"):
            return f"expected a Dataset or 'department/name' in `inputs`, found {given!r}"
    names = [input_name(given) for given in inputs]
    if twice := [name for name in names if names.count(name) > 1]:
        return f"expected each input once, found {twice[0]} twice"
    if transform is None:
        return "expected `transform` with `inputs`, the function that makes rows from them, found none"
    try:
        inspect.signature(transform).bind(*inputs)
    except (TypeError, ValueError) as error:
        return f"expected `transform` to take {len(inputs)} inputs ({', '.join(names)}), found: {error}"
    return None


def making_order(datasets: Iterable[DeclaredT]) -> list[DeclaredT]:
    """Sort datasets topologically: inputs first, otherwise in the given order.

    Cycles are impossible: an input is a declaration, which must exist before the declaration that names it.

    Raises:
        DatasetError: an input is not among the datasets, so no run would make it.
    """
    given = {dataset.stem: dataset for dataset in datasets}
    ordered: dict[str, DeclaredT] = {}

    def add(dataset: DeclaredT) -> None:
        if dataset.stem in ordered:
            return
        for source in dataset.own_inputs:
            if source.stem not in given:
                raise DatasetError(
                    dataset.stem,
                    f"expected its input {source.stem} among the datasets of the department, found "
                    f"{', '.join(given)}; add it to DATASETS",
                )
            add(given[source.stem])
        ordered[dataset.stem] = dataset

    for dataset in given.values():
        add(dataset)
    return list(ordered.values())
