"""Flows: every one has a deployment or is marked as having none, and no settings swallow an unknown key."""

import inspect
import sys
import traceback
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from pkgutil import walk_packages
from types import ModuleType
from typing import Any, get_args

from pydantic import BaseModel

from airnub_cli.check.imports import Imports
from airnub_cli.deployments.entrypoints import EntrypointError, load_flow
from airnub_cli.deployments.sources import Source, text_at
from airnub_prefect.department import Department, Stage
from airnub_prefect.errors import Mistake


def check_flows(source: Source, imports: Imports) -> Iterator[Mistake]:
    """Everything about a department that shows when it is imported.

    Args:
        source: its deployments, as they are written.
        imports: of the workspace.
    """
    name = source.department
    if name not in imports.sources:
        return
    modules, broken = _modules(name, imports)
    yield from broken
    described = _module(f"{name}.department", imports)
    if isinstance(described, Mistake):
        yield described
        return
    department = getattr(described, "DEPARTMENT", None)
    if not isinstance(department, Department):
        return  # its file shows that
    if department.name != name:
        message = f"expected DEPARTMENT.name to be {name!r}, found {department.name!r}"
        yield Mistake(str(imports.path(described.__name__)), None, message)
    yield from _undeployed(source, department, modules, imports)
    for stage in department.stages:
        yield from _loose(stage, imports.path(described.__name__))


def _undeployed(
    source: Source, department: Department, modules: list[ModuleType], imports: Imports
) -> Iterator[Mistake]:
    from prefect.flows import Flow

    found = {id(value): value for module in modules for value in vars(module).values() if isinstance(value, Flow)}
    flows = [flow for flow in found.values() if flow.fn.__module__.partition(".")[0] == source.department]
    deployed = {id(flow) for flow in map(_flow, _entrypoints(source)) if flow is not None}
    marked = {place.replace(":", ".") for place in department.undeployed}
    categories = _categories(department, imports)
    for flow in sorted(flows, key=lambda flow: str(flow.fn.__module__)):
        place = f"{flow.fn.__module__}.{flow.fn.__name__}"
        if id(flow) in deployed or place in marked or flow.fn.__module__ in categories:
            continue
        message = (
            f"expected a deployment of flow {place} in {source.path.name}, or {place.rpartition('.')[0]}:"
            f"{flow.fn.__name__} in `undeployed` of its department; found neither"
        )
        code = inspect.unwrap(flow.fn).__code__
        yield Mistake(code.co_filename, code.co_firstlineno, message)
    known = {f"{flow.fn.__module__}.{flow.fn.__name__}" for flow in flows}
    for place in sorted(marked - known):
        message = f"expected flows of the department in `undeployed`, found {place!r}"
        yield Mistake(str(imports.path(f"{source.department}.department")), None, message)


def _categories(department: Department, imports: Imports) -> set[str]:
    """Modules beside a stage's own that it imports: their flows are parts of its flow."""
    found: set[str] = set()
    for stage in department.stages:
        package = stage.flow.partition(":")[0]
        children = imports.graph.find_descendants(package) if package in imports.graph.modules else set()
        for child in children:
            found |= imports.graph.find_modules_directly_imported_by(child) & children
    return found


def _loose(stage: Stage, path: Path) -> Iterator[Mistake]:
    try:
        settings = stage.load_settings()
    except Exception as error:  # noqa: BLE001  # whatever the module does when it is imported
        yield Mistake(str(path), None, f"expected settings of stage {stage.name} at {stage.settings}, found: {error}")
        return
    seen: set[type[BaseModel]] = set()
    waiting: list[type[BaseModel]] = [settings]
    while waiting:
        model = waiting.pop()
        if model in seen:
            continue
        seen.add(model)
        if model.model_config.get("extra") != "forbid":
            message = (
                f"expected extra='forbid' in {model.__qualname__}, a part of the settings of stage {stage.name}; "
                "without it an unknown key is swallowed"
            )
            yield Mistake(inspect.getfile(model), inspect.getsourcelines(model)[1], message)
        for field in model.model_fields.values():
            waiting += _models(field.annotation)


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in get_args(annotation):
        yield from _models(inner)


def _entrypoints(source: Source) -> Iterator[str]:
    for entry in source.entries():
        if entrypoint := text_at(entry.value, "entrypoint"):
            yield entrypoint


def _flow(entrypoint: str) -> Any:
    try:
        return load_flow(entrypoint)
    except EntrypointError:
        return None  # told with the deployment


def _modules(name: str, imports: Imports) -> tuple[list[ModuleType], list[Mistake]]:
    """All modules of a department's flows; those that cannot be imported are mistakes."""
    found: list[ModuleType] = []
    broken: list[Mistake] = []
    package = _module(f"{name}.flows", imports)
    if isinstance(package, Mistake):
        return found, [package]
    found.append(package)
    prefix = f"{package.__name__}."
    for one in walk_packages(getattr(package, "__path__", []), prefix, onerror=lambda _: None):
        module = _module(one.name, imports)
        if isinstance(module, Mistake):
            broken.append(module)
        else:
            found.append(module)
    return found, broken


def _module(name: str, imports: Imports) -> ModuleType | Mistake:
    try:
        return import_module(name)
    except (Exception, SystemExit) as error:  # noqa: BLE001  # whatever the module does when it is imported
        path, line = imports.path(name), None
        package = str(imports.sources[name.partition(".")[0]] / name.partition(".")[0])
        for frame in traceback.extract_tb(sys.exc_info()[2]):
            if frame.filename.startswith(package):
                path, line = Path(frame.filename), frame.lineno
        advice = "; `uv sync --all-packages` installs what departments need" if isinstance(error, ImportError) else ""
        return Mistake(str(path), line, f"importing raises {type(error).__name__}: {error}{advice}")
