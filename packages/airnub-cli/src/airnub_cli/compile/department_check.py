"""Check of one imported department: its `department.py`, its flows, and the settings of its stages.

Every flow has a deployment or is marked as having none, and no settings ignore an unknown key.
"""

import ast
import inspect
from collections.abc import Callable, Collection, Iterator
from importlib import import_module
from pathlib import Path
from pkgutil import walk_packages
from types import ModuleType
from typing import Any, get_args

from pydantic import BaseModel

from airnub_cli.compile.deployment_check import EntrypointError, load_flow
from airnub_cli.compile.prefect_yaml import DepartmentFile, awaited_resources, list_at, text_at
from airnub_cli.import_errors import import_mistake
from airnub_cli.workspace import INSTALL_ALL
from airnub_prefect.department import PIPELINE, Department, Stage
from airnub_prefect.errors import Diagnostic
from airnub_prefect.settings import DatasetSettings
from airnub_prefect.validation import nearest_or_all


def wrong_description(department: Department, where: str) -> Iterator[Diagnostic]:
    """Find flows, settings and demos that do not exist where declared, or whose names belong to a different department.

    Args:
        department: the object that describes it, from its `department.py`.
        where: the path of that `department.py`.
    """
    for stage in department.stages:
        yield from _wrong_flow(f"flow of stage {stage.name}", stage.flow, stage.load_flow, department, where)
        yield from _wrong_text(stage.name, stage.load_flow, department, where)
        yield from _wrong_settings(stage, department)
    yield from _wrong_flow("pipeline", department.pipeline, department.load_pipeline, department, where)
    yield from _wrong_text(PIPELINE, department.load_pipeline, department, where)
    if department.demo is None:
        return
    try:
        department.load_demo()
    except (ImportError, AttributeError) as error:
        otherwise = Diagnostic(where, None, f"expected a demo at {department.demo}, found: {error}")
        yield import_mistake(error, otherwise)
    except (Exception, SystemExit) as error:  # noqa: BLE001  # as above
        message = f"importing {department.demo} raises {type(error).__name__}: {error}"
        yield import_mistake(error, Diagnostic(where, None, message))


def _wrong_flow(
    what: str, place: str, load: Callable[[], Any], department: Department, where: str
) -> Iterator[Diagnostic]:
    from prefect.flows import Flow

    try:
        flow = load()
    except (Exception, SystemExit) as error:  # noqa: BLE001  # as above
        yield import_mistake(error, Diagnostic(where, None, f"expected the {what} at {place}, found: {error}"))
        return
    if not isinstance(flow, Flow):
        yield Diagnostic(where, None, f"expected the {what} at {place}, found no flow")
    elif flow.name != department.command and not flow.name.startswith(f"{department.command}-"):
        code = flow.fn.__code__
        message = (
            f"expected a name of the flow that begins with {department.command!r}, found {flow.name!r}: names of flows "
            "are unique in Prefect"
        )
        yield Diagnostic(code.co_filename, code.co_firstlineno, message)


def _wrong_text(name: str, load: Callable[[], Any], department: Department, where: str) -> Iterator[Diagnostic]:
    """Compare the description of a flow with the flow: `list` prints the description without importing the flow."""
    if (described := department.descriptions.get(name)) is None:
        return
    try:
        flow = load()
        found = {"name": flow.name, "description": " ".join((flow.description or "").split())}
    except (Exception, SystemExit):  # noqa: BLE001  # reported as a missing flow
        return
    for what, expected in (("name", department.flow_name(name)), ("description", described)):
        if found[what] != expected:
            yield Diagnostic(where, None, f"expected the {what} of flow {name}, {found[what]!r}, found {expected!r}")


def _wrong_settings(stage: Stage, department: Department) -> Iterator[Diagnostic]:
    try:
        kind = stage.load_settings()
        found = kind.department, kind.stage
    except (Exception, SystemExit):  # noqa: BLE001  # reported with the flows
        return
    if found != (department.name, stage.name):
        message = (
            f"expected department={department.name!r}, stage={stage.name!r} in {kind.__qualname__}, found "
            f"department={found[0]!r}, stage={found[1]!r}, whose Variable it would read"
        )
        yield Diagnostic(inspect.getfile(kind), inspect.getsourcelines(kind)[1], message)


def wrong_flows(source: DepartmentFile) -> Iterator[Diagnostic]:
    """Find every mistake of a department that only an import reveals, apart from those in its deployments.

    Args:
        source: its `prefect.yaml`.
    """
    name, sources = source.department, source.path.parent / "src"
    modules, broken = _modules(name, sources)
    yield from broken
    described = _module(f"{name}.department", sources)
    if isinstance(described, Diagnostic):
        yield described
        return
    department = getattr(described, "DEPARTMENT", None)
    if not isinstance(department, Department):
        return  # reported for its file
    path = _path(f"{name}.department", sources)
    if department.name != name:
        yield Diagnostic(str(path), None, f"expected DEPARTMENT.name to be {name!r}, found {department.name!r}")
    elif not broken:
        yield from wrong_description(department, str(path))
    if source.value:  # otherwise its deployments are unknown
        yield from _undeployed(source, department, modules, path)
    for stage in department.stages:
        yield from _loose(stage, path)
    if not broken:
        yield from _unknown_datasets(source, department)


def import_of_department(name: str, sources: Path) -> Diagnostic | None:
    """The mistake of a department's `department.py` that cannot be imported; `None` if it can.

    Args:
        name: of the department's package.
        sources: the folder that contains the package.
    """
    described = _module(f"{name}.department", sources)
    return described if isinstance(described, Diagnostic) else None


def _unknown_datasets(source: DepartmentFile, department: Department) -> Iterator[Diagnostic]:
    """Find datasets of the department that triggers wait for and no stage writes: such triggers would never fire."""
    prefix = f"airnub.dataset.{source.department}."
    awaited = [
        (entry, place, resource.removeprefix(prefix))
        for entry in source.entries()
        for place, resource in awaited_resources(list_at(entry.value, "triggers"), ("triggers",))
        if resource.startswith(prefix)
    ]
    if not awaited:
        return
    try:
        kinds = [stage.load_settings() for stage in department.stages]
        known = [name for kind in kinds if issubclass(kind, DatasetSettings) for name in kind.declarations()]
    except (Exception, SystemExit):  # noqa: BLE001  # a failed import is reported separately
        return
    for entry, place, name in awaited:
        if name not in known:
            message = f"expected a dataset of {source.department}, found {name!r}; {nearest_or_all(name, known)}"
            yield entry.mistake(message, *place)


def _undeployed(
    source: DepartmentFile, department: Department, modules: list[ModuleType], path: Path
) -> Iterator[Diagnostic]:
    from prefect.flows import Flow

    found = {id(value): value for module in modules for value in vars(module).values() if isinstance(value, Flow)}
    flows = [flow for flow in found.values() if flow.fn.__module__.partition(".")[0] == source.department]
    deployed = {id(flow) for flow in map(_flow, _entrypoints(source)) if flow is not None}
    marked = {place.replace(":", ".") for place in department.undeployed}
    categories = _categories(department, modules)
    for flow in sorted(flows, key=lambda flow: str(flow.fn.__module__)):
        place = f"{flow.fn.__module__}.{flow.fn.__name__}"
        if id(flow) in deployed or place in marked or flow.fn.__module__ in categories:
            continue
        message = (
            f"expected a deployment of flow {place} in {source.path.name}, or {place.rpartition('.')[0]}:"
            f"{flow.fn.__name__} in `undeployed` of its department; found neither"
        )
        code = inspect.unwrap(flow.fn).__code__
        yield Diagnostic(code.co_filename, code.co_firstlineno, message)
    known = {f"{flow.fn.__module__}.{flow.fn.__name__}" for flow in flows}
    for place in sorted(marked - known):
        message = f"expected flows of the department in `undeployed`, found {place!r}"
        yield Diagnostic(str(path), None, message)


def _categories(department: Department, modules: list[ModuleType]) -> set[str]:
    """Sibling modules that a stage's module imports: their flows are subflows of the stage."""
    found: set[str] = set()
    for stage in department.stages:
        package = stage.flow.partition(":")[0]
        children = [one for one in modules if one.__name__.startswith(f"{package}.")]
        names = {one.__name__ for one in children}
        found |= {name for one in children for name in _imported(one, names) & names}
    return found


def _imported(module: ModuleType, wanted: Collection[str]) -> set[str]:
    """Imported names that may be modules, anywhere in a module; it is parsed only if it may import a wanted one."""
    found: set[str] = set()
    content = Path(str(module.__file__)).read_bytes()
    names = (name.rpartition(".")[2].encode() for name in wanted if name != module.__name__)
    if b"from ." not in content and not any(name in content for name in names):
        return found
    package = module.__name__ if hasattr(module, "__path__") else module.__name__.rpartition(".")[0]
    for node in ast.walk(ast.parse(content)):
        if isinstance(node, ast.Import):
            found |= {one.name for one in node.names}
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: package.count(".") + 2 - node.level] if node.level else []
            base = ".".join([*above, *filter(None, [node.module])])
            found |= {base, *(f"{base}.{one.name}" for one in node.names)}
    return found


def _loose(stage: Stage, path: Path) -> Iterator[Diagnostic]:
    try:
        settings = stage.load_settings()
    except (Exception, SystemExit) as error:  # noqa: BLE001  # whatever the module does when it is imported
        message = f"expected settings of stage {stage.name} at {stage.settings}, found: {error}"
        yield import_mistake(error, Diagnostic(str(path), None, message))
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
                "without it an unknown key is ignored"
            )
            yield Diagnostic(inspect.getfile(model), inspect.getsourcelines(model)[1], message)
        for field in model.model_fields.values():
            waiting += _models(field.annotation)


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and BaseModel in annotation.__mro__:  # `issubclass` asks every model
        yield annotation
    for inner in get_args(annotation):
        yield from _models(inner)


def _entrypoints(source: DepartmentFile) -> Iterator[str]:
    for entry in source.entries():
        if entrypoint := text_at(entry.value, "entrypoint"):
            yield entrypoint


def _flow(entrypoint: str) -> Any:
    try:
        return load_flow(entrypoint)
    except EntrypointError:
        return None  # reported with the deployment


def _modules(name: str, sources: Path) -> tuple[list[ModuleType], list[Diagnostic]]:
    """All flow modules of a department; each that cannot be imported is a mistake."""
    found: list[ModuleType] = []
    broken: list[Diagnostic] = []
    package = _module(f"{name}.flows", sources)
    if isinstance(package, Diagnostic):
        return found, [package]
    found.append(package)
    prefix = f"{package.__name__}."
    for one in walk_packages(getattr(package, "__path__", []), prefix, onerror=lambda _: None):
        module = _module(one.name, sources)
        if isinstance(module, Diagnostic):
            broken.append(module)
        else:
            found.append(module)
    return found, broken


def _module(name: str, sources: Path) -> ModuleType | Diagnostic:
    try:
        return import_module(name)
    except (Exception, SystemExit) as error:  # noqa: BLE001  # whatever the module does when it is imported
        advice = f"; {INSTALL_ALL} installs what departments need" if isinstance(error, ImportError) else ""
        message = f"importing raises {type(error).__name__}: {error}{advice}"
        return import_mistake(error, Diagnostic(str(_path(name, sources)), None, message))


def _path(name: str, sources: Path) -> Path:
    path = sources.joinpath(*name.split("."))
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
