"""YAML files with the line of each value; all errors that parsing can continue after are reported at once."""

import re
from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from airnub_prefect.errors import ConfigurationError, Diagnostic

Place = tuple[str | int, ...]
"""Keys and list indices from the top of a file to a value in it."""

MAX_VALUES = 1_000_000
"""Maximum number of values in a file; each use of an alias counts, since a few lines of aliases can expand to
billions."""

_LONGEST_SHOWN = 60
_STANDARD = "tag:yaml.org,2002:"
_MERGE = f"{_STANDARD}merge"
_PLAIN = {f"{_STANDARD}map", f"{_STANDARD}seq"}
# Syntax that libyaml parses differently from PyYAML's own parser, or accepts: some characters, tags, directives,
# documents, keys with `?`, and a comment directly after the indicator of a block scalar.
_UNUSUAL = re.compile(
    r"[^\n\x20-\x7e\xa1-\u2027\u202a-\ud7ff]|!|^%|^---|^\.\.\.|(?:^|\W)\?(?:\s|$)|[|>]\S*#", re.MULTILINE
)


@dataclass(slots=True)
class YamlFile:
    """Value of a YAML file, with the line of each key and entry, and the errors in it."""

    path: str
    value: Any = None
    lines: dict[Place, int] = field(default_factory=dict)
    """Lines of keys and list entries, from 1."""
    mistakes: list[Diagnostic] = field(default_factory=list)

    def line(self, place: Place) -> int | None:
        """The line of a value, or of the nearest enclosing one; steps that are not in the file are skipped."""
        known: Place = ()
        for step in place:
            if (*known, step) in self.lines:
                known = (*known, step)
        return self.lines.get(known)

    def mistake(self, place: Place, message: str) -> Diagnostic:
        """A diagnostic of a value, with its line."""
        return Diagnostic(self.path, self.line(place), message)


def read_yaml(path: Path) -> YamlFile:
    """Read a file. Errors in single values, such as a duplicate key, are collected, and those values left out.

    Raises:
        ConfigurationError: the file cannot be read, or is not valid YAML.
    """
    shown = str(path)
    text = read_utf8(path, "a YAML file")
    file = YamlFile(shown)
    try:
        loader, node = parsed_yaml(text)
        file.value = None if node is None else _Reader(loader, file).value(node, ())
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        found = " ".join(filter(None, (error.context, error.problem)))
        if "'\\t'" in found:
            found = "a tab; YAML allows only spaces"
        raise ConfigurationError(
            [Diagnostic(shown, mark.line + 1 if mark else None, f"broken YAML: {found}")]
        ) from None
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        code = error.character if isinstance(error.character, int) else ord(error.character)
        found = f"character U+{code:04X}: {error.reason}"
        raise ConfigurationError([Diagnostic(shown, line, f"broken YAML: {found}")]) from None
    except RecursionError:
        raise ConfigurationError.of(shown, "broken YAML: it is nested too deeply") from None
    file.mistakes = list(dict.fromkeys(file.mistakes))  # values of an alias are visited more than once
    return file


def read_utf8(path: Path, what: str) -> str:
    """Read a text file, without its byte order mark; `what` it is, for the message.

    Raises:
        ConfigurationError: it cannot be read, or is not UTF-8.
    """
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        message = f"expected {what} in UTF-8, found byte 0x{error.object[error.start]:02x}: {error.reason}"
        raise ConfigurationError([Diagnostic(str(path), line, f"{message}; save it as UTF-8")]) from None
    except OSError as error:
        reason = error.strerror or str(error)
        raise ConfigurationError.of(path, f"expected {what} in UTF-8, found: {reason}") from None


def parsed_yaml(text: str) -> tuple[Any, Any]:
    """Parse a text; returns the loader and the root node.

    libyaml takes a tenth of the time; if it fails, PyYAML's own parser gives the error message that users know.
    """
    if yaml.__with_libyaml__ and _is_usual(text):
        try:
            return (quick := yaml.CSafeLoader(text)), quick.get_single_node()
        except (yaml.YAMLError, RecursionError):
            pass
    loader = yaml.SafeLoader(text)
    return loader, loader.get_single_node()


def _is_usual(text: str) -> bool:
    """Whether both parsers give the same result; inside of brackets they differ at a question mark."""
    return _UNUSUAL.search(text) is None and ("?" not in text or all(map(_is_plain, text.split("\n"))))


def _is_plain(line: str) -> bool:
    opened, closed = line.count("[") + line.count("{"), line.count("]") + line.count("}")
    return opened == closed and not (opened and "?" in line)


class _Reader:
    """Builds values from nodes, which have lines and still contain duplicate keys."""

    def __init__(self, loader: Any, file: YamlFile) -> None:
        self._loader = loader
        self._file = file
        self._around: set[int] = set()
        self._read = 0

    def value(self, node: yaml.Node, place: Place) -> Any:
        self._file.lines.setdefault(place, _line(node))
        self._read += 1
        if self._read > MAX_VALUES:
            message = f"expected at most {MAX_VALUES:,} values, found more; aliases count each time"
            raise ConfigurationError([Diagnostic(self._file.path, _line(node), message)])
        if isinstance(node, yaml.ScalarNode):
            return self._scalar(node)
        if node.tag not in _PLAIN:
            self._wrong_tag(node)
        if id(node) in self._around:
            self._wrong(node, "expected an alias of a different value, found one of a value that contains it")
            return None
        with self._inside(node):
            if isinstance(node, yaml.MappingNode):
                return self._mapping(node, place)
            return [self.value(entry, (*place, index)) for index, entry in enumerate(node.value)]

    def _scalar(self, node: yaml.ScalarNode) -> Any:
        if not node.tag.startswith(_STANDARD):
            self._wrong_tag(node)
            return node.value
        try:
            return self._loader.construct_object(node)
        # The 31st of June, or a tag that does not fit: each YAML type raises a different error.
        except (ValueError, LookupError, AttributeError, yaml.YAMLError):
            found = node.value if len(node.value) <= _LONGEST_SHOWN else node.value[:_LONGEST_SHOWN] + "…"
            self._wrong(node, f"expected a value, found {found!r}, not a valid {_shown(node.tag)}; put it in quotes")
            return node.value

    def _mapping(self, node: yaml.MappingNode, place: Place) -> dict[Hashable, Any]:
        merged: dict[Hashable, Any] = {}
        # First, so that the lines of the mapping's own keys replace those of merged ones.
        for _, value_node in (entry for entry in node.value if entry[0].tag == _MERGE):
            entries = value_node.value if isinstance(value_node, yaml.SequenceNode) else [value_node]
            for entry in reversed(entries):
                if isinstance(entry, yaml.MappingNode):
                    merged |= self.value(entry, place) or {}
                else:
                    self._wrong(entry, "expected a mapping to merge (`<<`), found a different value")
        own: dict[Hashable, Any] = {}
        for key_node, value_node in (entry for entry in node.value if entry[0].tag != _MERGE):
            key = self._key(key_node)
            if key is None:
                continue
            if key in own:
                first = self._file.lines[(*place, key)]
                self._wrong(key_node, f"duplicate key {key!r}: it is already on line {first}")
                continue
            self._file.lines[(*place, key)] = _line(key_node)
            own[key] = self.value(value_node, (*place, key))
        return merged | own

    def _key(self, node: yaml.Node) -> str | None:
        key = self._scalar(node) if isinstance(node, yaml.ScalarNode) else None
        if isinstance(key, str):
            return key
        if isinstance(node, yaml.ScalarNode):
            what = "nothing" if key is None else f"{node.value}, which YAML reads as {_word(key)}"
            self._wrong(node, f"expected text as a key, found {what}; put it in quotes")
        else:
            self._wrong(node, "expected text as a key, found a list or mapping")
        return None

    def _wrong_tag(self, node: yaml.Node) -> None:
        self._wrong(node, f"expected no tag, found {_shown(node.tag)}")

    def _wrong(self, node: yaml.Node, message: str) -> None:
        self._file.mistakes.append(Diagnostic(self._file.path, _line(node), message))

    @contextmanager
    def _inside(self, node: yaml.Node) -> Iterator[None]:
        self._around.add(id(node))
        yield
        self._around.remove(id(node))


def _line(node: yaml.Node) -> int:
    return int(node.start_mark.line) + 1


def _shown(tag: str) -> str:
    return f"!!{tag.removeprefix(_STANDARD)}" if tag.startswith(_STANDARD) else tag


def _word(key: object) -> str:
    if isinstance(key, bool):
        return str(key).lower()
    return "a number" if isinstance(key, int | float) else "a date" if hasattr(key, "year") else "a different type"
