"""Ownership: the tags that say whose a deployment is, made from the registry and written into the departments' files.

They are in those files too, and not only in the compiled one: what is deployed from a department's folder must not lose
its owner.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from importlib import import_module

from airnub_cli.compile.department_file import DepartmentFile, DeploymentEntry, list_at, text_at
from airnub_prefect.errors import Diagnostic

SOURCES = "sources"
"""`sources:NAME` says that the environment NAME replaces sources of the department."""

_MADE = re.compile(rf"airnub|(department|owner|stage|{SOURCES}):.*")
_ONE_LINE = re.compile(r"^(?P<indent>\s*(?:- )?)tags:\s*\[[^\]]*\](?P<comment>\s+#.*)?$")
_ENTRYPOINT = re.compile(r"^(?P<indent>\s*)(?P<dash>- )?entrypoint:")


@dataclass(frozen=True, slots=True)
class Retagging:
    """A department's file as it is and as it should be, and what stands in the way."""

    text: str
    expected: str
    mistakes: list[Diagnostic]


def tags(entry: DeploymentEntry, also: Iterable[str] = ()) -> list[str]:
    """The tags of a deployment: those that are made, then its own.

    Args:
        entry: the deployment.
        also: made tags of one environment alone, which the department's file has not.
    """
    source = entry.source
    made = ["airnub", f"department:{source.department}"]
    if source.registered is not None:
        made.append(f"owner:{source.registered.owner}")
    if stage := _stage(source, text_at(entry.value, "entrypoint") or ""):
        made.append(f"stage:{stage}")
    made += also
    own = [tag for tag in list_at(entry.value, "tags") if isinstance(tag, str) and _MADE.fullmatch(tag) is None]
    return made + own


def retagged(source: DepartmentFile) -> Retagging:
    """A department's file with the right tags: those lines are changed and no other."""
    text = source.path.read_text(encoding="utf-8-sig")
    lines, mistakes = text.split("\n"), []
    # From the end, so that a line that is added moves none that is still to be looked at.
    for entry in reversed(list(source.entries())):
        expected = tags(entry)
        if list_at(entry.value, "tags") == expected:
            continue
        written = f"tags: [{', '.join(expected)}]"
        if not _write(lines, source, entry, written):
            message = f"expected one line of its own, {written}, so that `airnub compile` can write it"
            mistakes.append(entry.mistake(message, "tags"))
    return Retagging(text, "\n".join(lines), mistakes)


def _write(lines: list[str], source: DepartmentFile, entry: DeploymentEntry, written: str) -> bool:
    """Whether there is a line for the tags: their own, or the one after the entrypoint."""
    place = ("deployments", entry.index)
    first = source.file.lines[place]
    last = source.file.lines.get(("deployments", entry.index + 1), len(lines) + 1)
    at = source.file.lines.get((*place, "tags"))
    if at is not None:
        match = _ONE_LINE.match(lines[at - 1])
        if match is None or not first <= at < last:  # it may stand in an anchor, for several deployments
            return False
        lines[at - 1] = f"{match['indent']}{written}{match['comment'] or ''}"
        return True
    at = source.file.lines.get((*place, "entrypoint"), 0)
    match = _ENTRYPOINT.match(lines[at - 1]) if first <= at < last else None
    if match is None:
        return False
    lines.insert(at, f"{match['indent']}{' ' * len(match['dash'] or '')}{written}")
    return True


def stages(department: str) -> dict[str, str]:
    """The names of a department's stages by where their flows are, as `module.name`."""
    try:
        described = import_module(f"{department}.department").DEPARTMENT.stages
    except (Exception, SystemExit):  # noqa: BLE001  # whatever the module does when it is imported
        return {}  # that is told of the entrypoint
    return {stage.flow.replace(":", "."): str(stage.name) for stage in described}


def _stage(source: DepartmentFile, entrypoint: str) -> str | None:
    """The stage whose flow the entrypoint is, or is a part of; none for a pipeline."""
    names = stages(source.department) if source.stages is None else source.stages
    if entrypoint in names:
        return names[entrypoint]
    # A category has a module below that of its stage.
    module = entrypoint.rpartition(".")[0]
    return next((name for flow, name in names.items() if module.startswith(f"{flow.rpartition('.')[0]}.")), None)
