"""Changed files below configs/ and infra/work-pools/ and in the root's prefect.yaml, and the deployments they affect.

A setting that names a department, a deployment or a pool affects the departments with that name, or none if there is
none. Every other setting affects all departments. `rules` has the rules of all files.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml

from airnub_cli.affected.graph import Concern, Impacts, Target

COMPILED = "prefect.yaml"
REGISTRY = "configs/departments.yaml"
_ENVIRONMENT = re.compile(r"configs/environments/[^/]+\.yaml")
_VARIABLES = re.compile(r"configs/variables/([^/]+)/.+")
_POOL = re.compile(r"infra/work-pools/([^/]+)\.yaml")
_BLOCK_OR_AUTOMATION = re.compile(r"configs/(blocks|automations)/.+")
_NAME = re.compile(r"\bname: *[\"']?([\w.-]+)")
_TYPE = re.compile(r"^type: *[\"']?([\w.-]+)", re.MULTILINE)
_WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")
_DEPLOYMENT = re.compile(r"^  - name: ", re.MULTILINE)
_OWNER = re.compile(r"department:(\w+)")
_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def is_setting(path: str) -> bool:
    """Whether a file contains settings; Markdown pages in these folders do not."""
    is_config = path.startswith("configs/") and not path.endswith(".md")
    return path == COMPILED or is_config or _POOL.fullmatch(path) is not None


class Settings:
    """The departments that changed settings affect."""

    def __init__(self, root: Path, departments: Mapping[str, Target]) -> None:
        """Take the departments that are deployed, by folder."""
        self._root = root
        self._departments = dict(departments)
        self._by_id = {target.name: target for target in departments.values()}

    def add_deployments(self, findings: Impacts, path: str, before: str, after: str) -> None:
        """Add the departments whose deployments a changed file affects.

        Args:
            findings: collects the impacts.
            path: of the file.
            before: its previous text; empty for a new file.
            after: its present text; empty for a deleted file.
        """
        for said, targets in self._concerned(path, before, after):
            steps = [f"{path}: {said}" if said else path]
            for target in self._departments.values() if targets is None else targets:
                findings.add(target, steps, {Concern.DEPLOYMENT})

    def _concerned(self, path: str, before: str, after: str) -> Iterator[tuple[str, Iterable[Target] | None]]:
        """The changed parts of a file, each with the departments that it affects; `None` for all departments."""
        if (match := _VARIABLES.fullmatch(path)) is not None:
            yield "", self._named(match[1])
        elif (match := _POOL.fullmatch(path)) is not None:
            yield "", None if match[1].startswith("_") else self._named(match[1])
        elif path == COMPILED:
            yield from self._compiled(before, after)
        elif path == REGISTRY or _ENVIRONMENT.fullmatch(path):
            try:
                old, new = _mapping(before), _mapping(after)
            except yaml.YAMLError:
                yield "", None
            else:
                yield from self._registry(old, new) if path == REGISTRY else self._environment(old, new)
        elif (match := _BLOCK_OR_AUTOMATION.fullmatch(path)) is not None:
            named = self._users(after or before) if match[1] == "blocks" else self._mentioned(before + after)
            yield "", named or None
        else:
            yield "", None

    def _registry(self, old: dict[str, Any], new: dict[str, Any]) -> Iterator[tuple[str, Iterable[Target] | None]]:
        was, now = (_by_id(value.pop("departments", None)) for value in (old, new))
        if old != new:
            yield "", None
        for name in sorted(was.keys() | now.keys()):
            if was.get(name) != now.get(name):
                yield name, self._named(name)

    def _environment(self, old: dict[str, Any], new: dict[str, Any]) -> Iterator[tuple[str, Iterable[Target] | None]]:
        for key in sorted(old.keys() | new.keys()):
            was, now = old.get(key), new.get(key)
            if was == now:
                continue
            # A missing key is the same as an empty mapping.
            was, now = ({} if one is None else one for one in (was, now))
            by_name = key in {"variables", "pools", "limits", "schedules"}
            if not (by_name and isinstance(was, dict) and isinstance(now, dict)):
                yield key, None
                continue
            for name in sorted(was.keys() | now.keys()):
                if was.get(name) != now.get(name):
                    yield f"{key}.{name}", self._named(str(name).partition("/")[0])

    def _compiled(self, before: str, after: str) -> Iterator[tuple[str, Iterable[Target] | None]]:
        (head_before, *old), (head, *new) = (_DEPLOYMENT.split(text) for text in (before, after))
        if _uncommented(head_before) != _uncommented(head):
            yield "", None
        for block in sorted(set(old) ^ set(new)):
            name = block.partition("\n")[0].strip("\"' ")
            owner = _OWNER.search(block)
            yield name, self._named(owner[1] if owner else name)

    def _named(self, name: str) -> list[Target]:
        if name in self._by_id:
            return [self._by_id[name]]
        return [self._departments[folder] for folder in sorted(self._names.get(name, ()))]

    def _mentioned(self, text: str) -> list[Target]:
        known = self._names
        folders = {folder for word in _WORD.findall(text) for folder in known.get(word, ())}
        return [self._departments[folder] for folder in sorted(folders)]

    def _users(self, text: str) -> list[Target]:
        """Departments whose settings name a block, as `type/name`."""
        kind, name = _TYPE.search(text), _NAME.search(text)
        if kind is None or name is None:
            return []
        reference = f"{kind[1]}/{name[1]}"
        return [
            target
            for target in self._departments.values()
            for folder in [self._root / "configs" / "variables" / target.name]
            if any(reference in file.read_text(encoding="utf-8", errors="replace") for file in folder.glob("*.yaml"))
        ]

    @cached_property
    def _names(self) -> dict[str, set[str]]:
        """Folders of departments, by the names of the departments, their deployments and their pools."""
        names: dict[str, set[str]] = {}
        for folder, target in self._departments.items():
            file = self._root / folder / "prefect.yaml"
            text = file.read_text(encoding="utf-8", errors="replace") if file.is_file() else ""
            for name in {target.name, target.name.replace("_", "-"), *_NAME.findall(text)}:
                names.setdefault(name, set()).add(folder)
        return names


def _mapping(text: str) -> dict[str, Any]:
    value = yaml.load(text, Loader=_Loader) if text else {}  # noqa: S506  # a safe loader, in C where there is one
    if not isinstance(value, dict):
        raise yaml.YAMLError("expected a mapping")
    return value


def _by_id(entries: Any) -> dict[str, Any]:
    listed = entries if isinstance(entries, list) else []
    return {str(one["id"]): one for one in listed if isinstance(one, dict) and "id" in one}


def _uncommented(text: str) -> list[str]:
    return [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
