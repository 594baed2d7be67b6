"""Errors of imports, at the statement that is wrong: every check that imports a module reports the same `Diagnostic`.

A module of a department is imported for its deployments, flows, settings and Variables, so one wrong import makes all
of them fail; as equal diagnostics they are reported once.
"""

import os
import re
import sysconfig
from collections.abc import Collection, Mapping, Sequence
from importlib.metadata import packages_distributions
from importlib.util import find_spec
from pathlib import Path

from airnub_cli.workspace import INSTALL_ALL, is_installed, normalized, read_toml
from airnub_prefect.errors import Diagnostic
from airnub_prefect.paths import shown

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_OUTSIDE = tuple({sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")})
"""Beginnings of the file names of modules that do not belong to the workspace."""


def import_mistake(error: BaseException, otherwise: Diagnostic) -> Diagnostic:
    """The diagnostic of a failed import, at the deepest statement of the workspace that raised it.

    Args:
        error: raised by an import of a member's module.
        otherwise: the diagnostic if no module of the workspace was executed, such as for a module that does not exist.
    """
    if isinstance(error, SyntaxError) and error.filename and _is_member(error.filename):
        return Diagnostic(shown(Path(error.filename)), error.lineno, f"broken Python: {error.msg}")
    place: tuple[str, int] | None = None
    entered: set[str] = set()
    traceback = error.__traceback__
    while traceback is not None:
        code = traceback.tb_frame.f_code
        package = str(traceback.tb_frame.f_globals.get("__name__")).partition(".")[0]
        if _is_member(code.co_filename):
            if code.co_name == "<module>":
                entered.add(package)
            # A function of a library that is called by the module is not the cause.
            if package in entered:
                place = code.co_filename, traceback.tb_lineno
        traceback = traceback.tb_next
    if place is None:
        return otherwise
    path = Path(place[0])
    return Diagnostic(shown(path), place[1], _message(error, path))


def undeclared(
    member: str, declared: Collection[str], imported: str, providers: Mapping[str, Sequence[str]]
) -> str | None:
    """The message about an import of a package that a member does not declare; `None` if it is declared, or may be.

    Args:
        member: its distribution.
        declared: names of distributions, as `declared_by` returns them.
        imported: the module.
        providers: the distributions of packages, as of `packages_distributions`.
    """
    package = imported.partition(".")[0]
    names = sorted({normalized(name) for name in providers.get(package, [package])})
    if set(names) & set(declared):
        return None
    what = " or ".join(names)
    return f"{member} imports {imported}, and does not declare {what}; `uv add --package {member} {what}`"


def declared_by(pyproject: Path, *, for_tests: bool = False) -> set[str]:
    """The distributions that a member declares, including those of extras."""
    table = read_toml(pyproject.read_text(encoding="utf-8"))
    project = table["project"]
    lists = [project.get("dependencies", []), *project.get("optional-dependencies", {}).values()]
    lists += table.get("dependency-groups", {}).values() if for_tests else []
    every = [one for some in lists for one in some if isinstance(one, str)]
    return {normalized(match.group()) for one in every if (match := _NAME.match(one))}


def _is_member(path: str) -> bool:
    # Code that is no file, such as that of `exec`, has no absolute path.
    return os.path.isabs(path) and not path.startswith(_OUTSIDE)  # noqa: PTH117  # a name, not a path, in many cases


def _message(error: BaseException, path: Path) -> str:
    text = str(error)
    if not isinstance(error, ImportError):
        return f"importing raises {type(error).__name__}: {text}"
    package = (error.name or "").partition(".")[0]
    if error.path:
        text = text.replace(error.path, shown(Path(error.path)))
    said = f"importing raises {type(error).__name__}: {text}"
    if "relative import" in text:
        return f"{said}; correct the import"
    if not package:
        return f"{said}; {INSTALL_ALL} installs what departments need"
    if _exists(package):
        return f"{said}; correct the import"
    return _undeclared(path, package) or f"{said}; {INSTALL_ALL} installs what departments need"


def _exists(package: str) -> bool:
    try:
        return find_spec(package) is not None
    except (ImportError, ValueError):
        return False


def _undeclared(path: Path, package: str) -> str | None:
    pyproject = next((one for folder in path.parents if (one := folder / "pyproject.toml").is_file()), None)
    if pyproject is None:
        return None
    try:
        name = read_toml(pyproject.read_text(encoding="utf-8"))["project"]["name"]
        declared = declared_by(pyproject)
    except (OSError, ValueError, KeyError):
        return None  # reported for the file
    if any(not (is_installed(one) or _exists(one.replace("-", "_"))) for one in declared):
        return None  # may belong to a declared package that is not installed here
    return undeclared(name, declared, package, packages_distributions())
