"""YAML files: their values with the line of each, and every mistake that can be seen without knowing their meaning."""

from collections.abc import Hashable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from airnub_prefect.errors import ConfigurationError, Mistake

Place = tuple[str | int, ...]
"""Keys and list indices from the top of a file to a value in it."""

_MERGE = "tag:yaml.org,2002:merge"


@dataclass(slots=True)
class YamlFile:
    """What a file says, where it says it, and what is wrong with how it says it."""

    path: str
    value: Any = None
    lines: dict[Place, int] = field(default_factory=dict)
    """From 1, of keys and list entries."""
    mistakes: list[Mistake] = field(default_factory=list)

    def line(self, place: Place) -> int | None:
        """The line of a value, or of the nearest one around it; steps that the file does not have are skipped."""
        known: Place = ()
        for step in place:
            if (*known, step) in self.lines:
                known = (*known, step)
        return self.lines.get(known)


def read_yaml(path: Path) -> YamlFile:
    """Read a file; duplicate keys are collected as mistakes.

    Raises:
        ConfigurationError: it cannot be read, or is no YAML at all.
    """
    shown = str(path)
    try:
        loader = yaml.SafeLoader(path.read_text(encoding="utf-8"))
        node = loader.get_single_node()
        file = YamlFile(shown)
        file.value = None if node is None else _Reader(loader, file).value(node, ())
    except (OSError, UnicodeDecodeError) as error:
        reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
        raise ConfigurationError.of(shown, f"expected a YAML file in UTF-8, found: {reason}") from error
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        found = " ".join(filter(None, (error.context, error.problem)))
        if "'\\t'" in found:
            found = "a tab; YAML is indented with spaces"
        raise ConfigurationError([Mistake(shown, mark.line + 1 if mark else None, f"broken YAML: {found}")]) from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise ConfigurationError.of(shown, f"broken YAML: {error}") from error
    return file


class _Reader:
    """Builds values from nodes, since only nodes know their lines and only they still have keys that come twice."""

    def __init__(self, loader: yaml.SafeLoader, file: YamlFile) -> None:
        self._loader = loader
        self._file = file

    def value(self, node: yaml.Node, place: Place) -> Any:
        self._file.lines.setdefault(place, node.start_mark.line + 1)
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, place)
        if isinstance(node, yaml.SequenceNode):
            return [self.value(entry, (*place, index)) for index, entry in enumerate(node.value)]
        return self._loader.construct_object(node, deep=True)

    def _mapping(self, node: yaml.MappingNode, place: Place) -> dict[Hashable, Any]:
        merged: dict[Hashable, Any] = {}
        own: dict[Hashable, Any] = {}
        for key_node, value_node in node.value:
            if key_node.tag == _MERGE:
                entries = value_node.value if isinstance(value_node, yaml.SequenceNode) else [value_node]
                for entry in reversed(entries):
                    merged |= self.value(entry, place)
                continue
            key = self._loader.construct_object(key_node, deep=True)
            line = key_node.start_mark.line + 1
            if not isinstance(key, Hashable):
                self._file.mistakes.append(
                    Mistake(self._file.path, line, "expected a plain key, found a list or mapping")
                )
                continue
            step = key if isinstance(key, str | int) else str(key)
            if key in own:
                first = self._file.lines[(*place, step)]
                message = f"duplicate key {key!r}: it stands on line {first} already"
                self._file.mistakes.append(Mistake(self._file.path, line, message))
                continue
            self._file.lines[(*place, step)] = line
            own[key] = self.value(value_node, (*place, step))
        return merged | own
