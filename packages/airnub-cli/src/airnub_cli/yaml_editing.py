"""Line-based edits of YAML files that keep comments and formatting."""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import yaml

from airnub_prefect.errors import ConfigurationError
from airnub_prefect.yaml_file import parsed_yaml


def with_entry(path: Path, text: str, key: str, entry: str) -> str:
    """Append an entry to a top-level list.

    Args:
        path: of the file, for errors.
        text: of the file.
        key: of the list.
        entry: lines of the entry, with the dash, indented by two.

    Raises:
        ConfigurationError: there is no such list, or it is in flow style.
    """
    found = _value(_root(path, text), key)
    lines = text.split("\n")
    if not isinstance(found, yaml.SequenceNode):
        raise ConfigurationError.of(path, f"expected a list {key}, found none")
    if not found.value:
        at = found.start_mark.line
        lines[at : at + 1] = [f"{key}:", *entry.rstrip("\n").split("\n")]
        return "\n".join(lines)
    if found.flow_style:
        raise ConfigurationError.of(path, f"expected {key} as a list with one entry per line, found a list in brackets")
    indent = " " * (lines[found.value[0].start_mark.line].index("-"))
    block = [re.sub(r"^  ", indent, line) for line in entry.rstrip("\n").split("\n")]
    at = _last_line(found.value[-1]) + 1
    lines[at:at] = block
    return "\n".join(lines)


def with_key(path: Path, text: str, key: str, entry: str) -> str:
    """Append an entry to a top-level mapping, which is created if it is missing.

    Args:
        path: of the file, for errors.
        text: of the file.
        key: of the mapping.
        entry: lines of the entry, indented by two.

    Raises:
        ConfigurationError: the key has a different kind of value, or a mapping in flow style.
    """
    found, block = _value(_root(path, text), key), entry.rstrip("\n").split("\n")
    if found is None:
        return "\n".join([text.rstrip("\n"), f"{key}:", *block, ""])
    if not isinstance(found, yaml.MappingNode) or found.flow_style:
        raise ConfigurationError.of(
            path, f"expected {key} as a mapping with one entry per line, found a different form"
        )
    lines = text.split("\n")
    indent = _indent(lines[found.start_mark.line])
    at = _last_line(found) + 1
    lines[at:at] = [re.sub(r"^  ", indent, line) for line in block]
    return "\n".join(lines)


def without_entry(path: Path, text: str, key: str, name: str, value: str) -> str:
    """Remove the entries of a top-level list whose `name` is `value`; an emptied list becomes `[]`.

    Raises:
        ConfigurationError: the file is not valid YAML.
    """
    found = _value(_root(path, text), key)
    entries = found.value if isinstance(found, yaml.SequenceNode) else []
    spans = [
        (one.start_mark.line, _last_line(one))
        for one in entries
        if (scalar := _value(one, name)) is not None and scalar.value == value
    ]
    made = _cut(text, spans)
    return re.sub(rf"^{key}:", f"{key}: []", made, flags=re.MULTILINE) if spans and len(spans) == len(entries) else made


def without_keys(path: Path, text: str, place: Sequence[str], unwanted: re.Pattern[str]) -> str:
    """Remove the matching keys of a mapping; an emptied mapping is removed too.

    Raises:
        ConfigurationError: the file is not valid YAML.
    """
    node = _root(path, text)
    spans: list[tuple[int, int]] = []
    for step in place:
        found = _value(node, step)
        if not isinstance(found, yaml.MappingNode):
            return text
        key = next(one for one, _ in node.value if one.value == step)
        if all(unwanted.fullmatch(str(one.value)) for one, _ in found.value) and found.value:
            return _cut(text, [(key.start_mark.line, _last_line(found))])
        node = found
    spans = [
        (key.start_mark.line, _last_line(value)) for key, value in node.value if unwanted.fullmatch(str(key.value))
    ]
    return _cut(text, spans)


def _root(path: Path, text: str) -> yaml.Node:
    try:
        _, node = parsed_yaml(text)
    except yaml.YAMLError as error:
        raise ConfigurationError.of(path, f"expected YAML, found: {' '.join(str(error).split())}") from error
    if not isinstance(node, yaml.MappingNode):
        raise ConfigurationError.of(path, "expected a mapping")
    return node


def _value(node: yaml.Node, name: str) -> yaml.Node | None:
    pairs = node.value if isinstance(node, yaml.MappingNode) else []
    return next((value for key, value in pairs if key.value == name), None)


def _last_line(node: yaml.Node) -> int:
    """The last line of a value, without the comments after it."""
    return max((_end(one) for one in _leaves(node)), default=node.start_mark.line)


def _leaves(node: yaml.Node) -> Iterator[yaml.Node]:
    children = node.value if isinstance(node, yaml.CollectionNode) and not node.flow_style else []
    if not children:
        yield node
    for child in children:
        for one in child if isinstance(child, tuple) else (child,):
            yield from _leaves(one)


def _end(node: yaml.Node) -> int:
    # A block scalar ends at the beginning of the next line.
    return node.end_mark.line - (node.end_mark.column == 0 and node.end_mark.line > node.start_mark.line)


def _cut(text: str, spans: Sequence[tuple[int, int]]) -> str:
    lines = text.split("\n")
    for first, last in sorted(spans, reverse=True):
        # With the comments directly above.
        beside = _indent(lines[first])
        while first > 0 and lines[first - 1].startswith(f"{beside}#"):
            first -= 1
        del lines[first : last + 1]
    # Remove the gap that is left at the end of the file.
    return re.sub(r"\n\n+\Z", "\n", "\n".join(lines))


def _indent(line: str) -> str:
    return line[: len(line) - len(line.lstrip())]
