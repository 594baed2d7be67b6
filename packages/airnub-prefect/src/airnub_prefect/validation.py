"""Validation of values against a Pydantic model; all errors are reported at once in plain words."""

import re
from collections.abc import Iterable, Iterator, Sequence
from copy import deepcopy
from dataclasses import dataclass
from datetime import date
from difflib import get_close_matches
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from airnub_common import redact_text, redact_url
from airnub_prefect.errors import ConfigurationError, Diagnostic
from airnub_prefect.moved import MOVED
from airnub_prefect.yaml_file import Place, YamlFile, read_yaml

Model = TypeVar("Model", bound=BaseModel)
Schema = dict[str, Any]

_LONGEST_SHOWN = 60
_LONGEST_NUMBER = 10**30
_UNREADABLE = ("_parsing", "_from_float")
_MAPPING_TYPES = {"model_type", "dict_type", "model_attributes_type", "mapping_type", "dataclass_type"}
# A token in place of its name must not reach a log.
_SECRET_NAMES = re.compile(r"auth|header|param|secret|token|passw|credential|key", re.IGNORECASE)
_CREDENTIALS = re.compile(r"[^\s/@:]+:(?!//)[^\s@]+@")


def load_yaml(kind: type[Model], path: Path) -> Model:
    """The model of a YAML file.

    Raises:
        ConfigurationError: the file cannot be read or is invalid; every error has its line.
    """
    file = read_yaml(path)
    settings, mistakes = checked(kind, file)
    if settings is None or file.mistakes:
        raise ConfigurationError(sorted([*file.mistakes, *mistakes], key=lambda mistake: mistake.line or 0))
    return settings


def validated(kind: type[Model], value: Any, where: str) -> Model:
    """The model of a value without lines, such as a Prefect Variable; `where` names it in errors.

    Raises:
        ConfigurationError: the value is invalid; every error has its place.
    """
    settings, mistakes = checked(kind, YamlFile(where, value))
    if settings is None:
        raise ConfigurationError(mistakes)
    return settings


def checked(kind: type[Model], file: YamlFile) -> tuple[Model | None, list[Diagnostic]]:
    """The model of a file that has been read, `None` if it is invalid; and every error in it."""
    try:
        return kind.model_validate(file.value), []
    except ValidationError as error:
        # Pydantic's error is not chained: its text, and so Prefect's log of it, contains unredacted values.
        schema = kind.model_json_schema()
        mistakes = _mistakes(schema, error, file)
        unknown = [detail["loc"] for detail in error.errors() if detail["type"] == "extra_forbidden"]
    # Model validators run only if all fields are valid: validating without the unknown keys finds their errors too.
    try:
        kind.model_validate(_without(file.value, unknown))
    except ValidationError as error:
        mistakes += [mistake for mistake in _mistakes(schema, error, file) if mistake not in mistakes]
    return None, mistakes


def _without(value: Any, places: list[Place]) -> Any:
    """A copy without the keys at these places; steps that are names of Pydantic's union members are skipped."""
    copied = deepcopy(value)
    for place in places:
        around: Any = copied
        for step in place[:-1]:
            is_there = (
                step in around if isinstance(around, dict) else isinstance(around, list) and isinstance(step, int)
            )
            around = around[step] if is_there else around
        if isinstance(around, dict):
            around.pop(place[-1], None)
    return copied


@dataclass(frozen=True, slots=True)
class _FieldError:
    """Pydantic's error at one place, or for one of several union members there."""

    place: Place
    """As it is written in the file."""
    detail: ErrorDetails

    @property
    def name(self) -> str:
        return ".".join(map(str, self.place))

    @property
    def is_about_the_type(self) -> bool:
        return self.detail["type"].endswith(("_type", "none_required", *_UNREADABLE))


def _mistakes(schema: Schema, error: ValidationError, file: YamlFile) -> list[Diagnostic]:
    places: dict[tuple[Place, bool], list[_FieldError]] = {}
    for detail in error.errors(include_url=False):
        place = _written(schema, detail, file.value)
        about_a_key = detail["type"] in {"extra_forbidden", "missing"}
        places.setdefault((place, about_a_key), []).append(_FieldError(place, detail))
    return [file.mistake(place, _message(schema, errors)) for (place, _), errors in places.items()]


def _message(schema: Schema, errors: list[_FieldError]) -> str:
    # The error of the union member with the type of the value is more specific than those of other types.
    chosen = [one for one in errors if not one.is_about_the_type] or errors
    first = chosen[0]
    name, detail = first.name, first.detail
    at = f"{name}: " if name else ""
    match detail["type"]:
        case "extra_forbidden":
            key = str(first.place[-1])
            return f"unknown key {name!r}; {nearest_or_all(key, _keys(schema, detail['loc'][:-1]))}"
        case "missing":
            return f"missing key {name!r}"
        case "union_tag_not_found":
            return f"missing key '{name}.{_unquoted(detail, 'discriminator')}'"
        case "union_tag_invalid":
            tag, tags = str(detail["ctx"]["tag"]), _unquoted(detail, "expected_tags").split(", ")
            near = nearest(tag, tags)
            return (
                f"{name}.{_unquoted(detail, 'discriminator')}: expected {' or '.join(tags)}, found {tag!r}"
                f"{'; ' + near if near else ''}"
            )
        case "value_error":
            # A validator of this code base: its message has the expectation for the value or for the whole mapping.
            said = redact_text(detail["msg"].removeprefix("Value error, "))
            return f"{at}{said}{_found(first, mapping=False)}"
    expected = " or ".join(dict.fromkeys(_expected(one.detail) for one in chosen))
    return f"{at}expected {expected}{_found(first, mapping=True)}"


def _expected(detail: ErrorDetails) -> str:
    match detail["type"]:
        case kind if kind in _MAPPING_TYPES:
            return "a mapping"
        case "list_type" | "tuple_type":
            return "a list"
        case "string_type":
            return "text"
        case "none_required":
            return "null"
        case "string_pattern_mismatch":
            return f"text like {detail['ctx']['pattern']}"
    message = detail["msg"].removeprefix("Input should be ").removeprefix("Input should ")
    if detail["type"].endswith(_UNREADABLE):
        return message.partition(", ")[
            0
        ]  # the rest describes how Pydantic failed to parse the value, which is shown anyway
    return message


def nearest(word: str, valid: Sequence[str]) -> str:
    """`did you mean 'store'?`, empty if no valid word is similar."""
    near = get_close_matches(word, valid, n=1)
    return f"did you mean {near[0]!r}?" if near else ""


def nearest_or_all(word: str, valid: Iterable[str]) -> str:
    """`did you mean 'store'?`, or all valid words: `valid are index, store`."""
    candidates = sorted(valid)
    return nearest(word, candidates) or (f"valid are {', '.join(candidates)}" if candidates else "there are none")


def _unquoted(detail: ErrorDetails, name: str) -> str:
    return str(detail["ctx"][name]).replace("'", "")


def _found(one: _FieldError, *, mapping: bool) -> str:
    value = one.detail["input"]
    if isinstance(value, dict | list | BaseModel):
        return f", found {'a list' if isinstance(value, list) else 'a mapping'}" if mapping else ""
    if isinstance(value, str) and any(_SECRET_NAMES.search(str(step)) for step in one.place):
        return f", found a text of {len(value)} characters"
    shown = _shown(value)
    return f", found {shown if len(shown) <= _LONGEST_SHOWN else shown[:_LONGEST_SHOWN] + '…'}"


def _shown(value: object) -> str:
    """A value as it is written in YAML, without credentials in URLs, even in malformed ones."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, date):
        return f"the date {value}"
    if isinstance(value, int) and abs(value) > _LONGEST_NUMBER:
        return "a number of more than 30 digits"  # Python does not print numbers with very many digits
    if not isinstance(value, str):
        return repr(value)
    return repr(_CREDENTIALS.sub("***@", redact_url(redact_text(value))))


def _written(schema: Schema, detail: ErrorDetails, value: Any) -> Place:
    """The steps that are written in the file, without names of Pydantic's union members."""
    place, found = detail["loc"], [schema]
    steps: list[str | int] = []
    for position, step in enumerate(place):
        tagged = list(_tagged(schema, found, step))
        found = tagged or _further(schema, found, step)
        if tagged:
            continue
        is_missing = detail["type"] == "missing" and position == len(place) - 1
        if isinstance(value, dict) and (step in value or is_missing):
            value = value.get(step)
            steps.append(step)
        elif isinstance(value, list) and isinstance(step, int) and step < len(value):
            value = value[step]
            steps.append(step)
    return tuple(steps)


def _keys(schema: Schema, place: Place) -> set[str]:
    """The valid keys at a place: of the union member that a tag selects, else of all members."""
    found = [schema]
    for step in place:
        found = list(_tagged(schema, found, step)) or _further(schema, found, step)
    return {
        key for one in found for alternative in _alternatives(schema, one) for key in alternative.get("properties", {})
    }


def _tagged(schema: Schema, found: list[Schema], step: str | int) -> Iterator[Schema]:
    """The union member that a tag such as `kind: page` selects; Pydantic puts the tag into the place."""
    for one in found:
        for alternative in _alternatives(schema, one):
            if (reference := alternative.get("discriminator", {}).get("mapping", {}).get(step)) is not None:
                yield {"$ref": reference}


def _further(schema: Schema, found: list[Schema], step: str | int) -> list[Schema]:
    return [deeper for one in found for deeper in _below(schema, one, step)] or found


def _below(schema: Schema, one: Schema, step: str | int) -> Iterator[Schema]:
    for alternative in _alternatives(schema, one):
        if isinstance(step, int) and "items" in alternative:
            yield alternative["items"]
        elif step in alternative.get("properties", {}):
            yield alternative["properties"][step]
        elif isinstance(step, str) and isinstance(alternative.get("additionalProperties"), dict):
            yield alternative["additionalProperties"]
        elif isinstance(step, str):  # a mapping whose keys have a pattern
            yield from alternative.get("patternProperties", {}).values()


def _alternatives(schema: Schema, one: Schema) -> Iterator[Schema]:
    if "$ref" in one:
        one = schema["$defs"][one["$ref"].rpartition("/")[2]]
    yield one
    for alternative in (*one.get("anyOf", ()), *one.get("oneOf", ()), *one.get("allOf", ())):
        yield from _alternatives(schema, alternative)


def __getattr__(name: str) -> Any:
    return MOVED.renamed(__name__, name)
