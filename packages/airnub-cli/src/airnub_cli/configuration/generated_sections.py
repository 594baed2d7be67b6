"""Sections of the root's files that are generated from the registry, one entry per department.

In `pyproject.toml` each line that names the template is repeated for every department; adjacent lines that differ from
it only in the name are replaced. In `docker-compose.yml` each department has services, at least its image and its
worker: those of a new department are copied from the template, and later edits are kept. CODEOWNERS lists the reviewers
of a change on GitHub.
"""

import re
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml

from airnub_cli.configuration.registry import REGISTRATION, TEMPLATE, TEMPLATE_FOLDER, Names, Registry, renamed
from airnub_prefect.errors import ConfigurationError

_HEAD = "# Made by `uv run airnub compile` from configs/departments.yaml; `--check` says whether this is stale.\n"
# Files that affect every department. The last matching line of CODEOWNERS applies, which is the department's own.
_SHARED = (
    "/.ci/",
    "/.github/",
    "/configs/automations/",
    "/configs/blocks/",
    "/configs/departments.yaml",
    "/configs/environments/",
    "/docker-compose.yml",
    "/infra/",
    "/packages/",
    "/pyproject.toml",
    "/uv.lock",
)


def codeowners_file(root: Path) -> Path:
    """The path of the file."""
    return root / ".github" / "CODEOWNERS"


def codeowners(registry: Registry) -> str | None:
    """The file's text; `None` if the registry does not name the organisation of the teams."""
    if registry.organisation is None:
        return None
    lines = []
    if registry.platform_owner is not None:
        lines += ["", *(f"{place} @{registry.organisation}/{registry.platform_owner}" for place in _SHARED)]
    for one in sorted(registry.departments, key=lambda one: one.id):
        owner = f"@{registry.organisation}/{one.owner}"
        places = (
            f"/departments/{one.id}/",
            f"/configs/variables/{one.id}/",
            f"/infra/work-pools/{Names(one.id).slug}.yaml",
        )
        lines += ["", *(f"{place} {owner}" for place in places)]
    return _HEAD + "".join(f"{line}\n" for line in lines)


_ANY = r"(?!airnub)[a-z][a-z0-9_]*"
_LOADER = yaml.CSafeLoader if yaml.__with_libyaml__ else yaml.SafeLoader  # libyaml's loader takes a tenth of the time
_SERVICE = re.compile(r"  [\"']?([A-Za-z0-9._-]+)[\"']?:(\s|$)")


def generated_sections(root: Path, registry: Registry) -> dict[Path, str]:
    """Generate every file that repeats parts of the registry.

    Raises:
        ConfigurationError: a file cannot be read, or its layout cannot be updated.
    """
    ids = [one.id for one in registry.departments]
    pyproject, compose = root / "pyproject.toml", root / "docker-compose.yml"
    files = {pyproject: repeated_lines(pyproject, ids)}
    template = root / "departments" / TEMPLATE_FOLDER / REGISTRATION / compose.name
    if compose.is_file() and template.is_file():
        files[compose] = repeated_services(compose, template.read_text(encoding="utf-8"), ids)
    if owners := codeowners(registry):
        files[codeowners_file(root)] = owners
    return files


def repeated_lines(path: Path, ids: Iterable[str]) -> str:
    """A TOML file, with each line of the template repeated for every department, sorted."""
    text = path.read_text(encoding="utf-8")
    lines, done = text.split("\n"), []
    modules = sorted({TEMPLATE.module, *ids})
    for index, line in enumerate(lines):
        if TEMPLATE.module not in line or line.lstrip().startswith("#"):
            continue
        form = re.compile(re.escape(line).replace(re.escape(TEMPLATE.module), _ANY))
        first = last = index
        while first > 0 and form.fullmatch(lines[first - 1]):
            first -= 1
        while last + 1 < len(lines) and form.fullmatch(lines[last + 1]):
            last += 1
        done.append((first, last, [line.replace(TEMPLATE.module, one) for one in modules]))
    for first, last, wanted in reversed(done):
        lines[first : last + 1] = wanted
    made = "\n".join(lines)
    try:
        tomllib.loads(made)
    except tomllib.TOMLDecodeError as error:
        reason = f"expected each mention of {TEMPLATE.module} to be a line of its own, as in a list: {error}"
        raise ConfigurationError.of(path, reason) from error
    return made


def repeated_services(path: Path, template: str, ids: Iterable[str]) -> str:
    """A Compose file with the services of every department, and without those of removed departments."""
    text, wanted = path.read_text(encoding="utf-8"), {Names(one).slug: one for one in ids}
    services = _services(path, text)
    found = {
        name: str(service["build"]["args"]["DEPARTMENT"])
        for name, service in services.items()
        if "DEPARTMENT" in _mapping(_mapping(service.get("build")).get("args"))
    }
    blocks = _Blocks(text)
    for name in sorted(set(found) - set(wanted)):
        blocks.remove(*Names(name).services)
    there = sorted(set(found) & set(wanted))
    for slug in sorted(set(wanted) - set(found)):
        later = next((name for name in there if name > slug), None)
        blocks.insert(renamed(template.partition("services:\n")[2], Names(wanted[slug])), before=later)
        there = sorted([*there, slug])
    made = blocks.text()
    names = set(_services(path, made) if made != text else services)
    if lacking := {one for slug in wanted for one in Names(slug).services[:2]} - names:
        reason = f"expected services {', '.join(sorted(lacking))}, found none; add them like those of other departments"
        raise ConfigurationError.of(path, reason)
    return made


class _Blocks:
    """Split a Compose file into blocks of lines, one per service, with the comments and empty lines above it."""

    def __init__(self, text: str) -> None:
        lines = text.split("\n")
        first = lines.index("services:") + 1 if "services:" in lines else len(lines)
        last = next((index for index in range(first, len(lines)) if re.match(r"[^\s#]", lines[index])), len(lines))
        while last > first and lines[last - 1].strip() == "":
            last -= 1
        self._head, self._tail = lines[:first], lines[last:]
        self._blocks: list[tuple[str, list[str]]] = []
        waiting: list[str] = []
        for line in lines[first:last]:
            if match := _SERVICE.match(line):
                self._blocks.append((match[1], [*waiting, line]))
                waiting = []
            elif line.strip() == "" or line.startswith("  #") or not self._blocks:
                waiting.append(line)
            else:
                self._blocks[-1][1].extend([*waiting, line])
                waiting = []
        self._tail = [*waiting, *self._tail]

    def remove(self, *names: str) -> None:
        """Remove services."""
        self._blocks = [(name, lines) for name, lines in self._blocks if name not in names]

    def insert(self, text: str, before: str | None) -> None:
        """Insert services before the given one, or at the end."""
        names = [name for name, _ in self._blocks]
        at = names.index(before) if before in names else len(names)
        blocks = _Blocks(f"services:\n\n{text}")._blocks
        self._blocks[at:at] = blocks

    def text(self) -> str:
        """The file."""
        return "\n".join([*self._head, *(line for _, lines in self._blocks for line in lines), *self._tail])


def _services(path: Path, text: str) -> dict[str, dict[str, Any]]:
    try:
        value = yaml.load(text, Loader=_LOADER)  # noqa: S506  # a safe loader
    except yaml.YAMLError as error:
        raise ConfigurationError.of(path, f"expected YAML, found: {' '.join(str(error).split())}") from error
    services = _mapping(value).get("services")
    if not isinstance(services, dict):
        raise ConfigurationError.of(path, "expected services, found none")
    return {str(name): _mapping(service) for name, service in services.items()}


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
