"""Lineage: the inputs of datasets, their names, and the order in which datasets are made."""

import inspect
import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple, Protocol, TypeVar

from airnub_core.errors import DatasetError

_PUBLISHED = re.compile(
    r"(?P<department>[a-z][a-z0-9_]*)/(?P<name>[A-Za-z0-9_][A-Za-z0-9_-]*)(\.v(?P<version>[1-9]\d*))?"
)


class Declared(Protocol):
    """A declaration, as `Dataset`, which imports this module, is one."""

    @property
    def stem(self) -> str:
        """The name of its table."""
        ...

    @property
    def own_inputs(self) -> "Sequence[Declared]":
        """Those of its inputs that are of the same department."""
        ...


DeclaredT = TypeVar("DeclaredT", bound=Declared)


class PublishedName(NamedTuple):
    """A dataset that a department publishes."""

    department: str
    name: str
    version: int | None
    """Of its contract; `None` is the lowest that is published."""


def published_name(given: str) -> PublishedName:
    """The parts of `department/name`, or of `department/name.v2` for the second version of its contract.

    >>> published_name("crm/customers.v2")
    PublishedName(department='crm', name='customers', version=2)

    Raises:
        ValueError: it is not of this form.
    """
    match = _PUBLISHED.fullmatch(given)
    if match is None:
        raise ValueError(f"expected department/name, found {given!r}")
    version = match["version"]
    return PublishedName(match["department"], match["name"], None if version is None else int(version))


def input_name(given: Declared | str) -> str:
    """What an input is called in commits and messages: by its table, or `department/name`."""
    return given if isinstance(given, str) else given.stem


def input_problem(inputs: Any, transform: Callable[..., Any] | None) -> str | None:
    """What is wrong with the inputs and the transform of a declaration, `None` where nothing is."""
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
        return "expected `transform` with `inputs`: a function that makes the rows of them, found none"
    try:
        inspect.signature(transform).bind(*inputs)
    except (TypeError, ValueError) as error:
        return f"expected `transform` to take {len(inputs)} inputs ({', '.join(names)}), found: {error}"
    return None


def making_order(datasets: Iterable[DeclaredT]) -> list[DeclaredT]:
    """The same datasets, each behind those of its inputs that are among them; otherwise in the order given.

    A cycle is impossible: an input is a declaration, and that exists before those that name it.

    Raises:
        DatasetError: an input is not among them, so that no run would make it.
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
