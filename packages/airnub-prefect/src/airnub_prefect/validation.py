"""Validation: values against a Pydantic model, every mistake at once, in words for whoever wrote them."""

from collections.abc import Iterator
from difflib import get_close_matches
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from airnub_common import redact_text
from airnub_prefect.errors import ConfigurationError, Mistake
from airnub_prefect.yaml_file import Place, YamlFile, read_yaml

Model = TypeVar("Model", bound=BaseModel)

_LONGEST_SHOWN = 60


def load_yaml(kind: type[Model], path: Path) -> Model:
    """The settings in a YAML file.

    Raises:
        ConfigurationError: the file cannot be read, or is wrong somewhere; every mistake with its line.
    """
    file = read_yaml(path)
    mistakes = list(file.mistakes)
    try:
        settings = kind.model_validate(file.value)
    except ValidationError as error:
        mistakes += _mistakes(kind, error, file)
        raise _sorted(mistakes) from error
    if mistakes:
        raise _sorted(mistakes)
    return settings


def validated(kind: type[Model], value: Any, where: str) -> Model:
    """The settings in a value that has no lines, such as a Prefect Variable; `where` names it.

    Raises:
        ConfigurationError: it is wrong somewhere; every mistake with its place.
    """
    try:
        return kind.model_validate(value)
    except ValidationError as error:
        raise ConfigurationError(_mistakes(kind, error, YamlFile(where, value))) from error


def _sorted(mistakes: list[Mistake]) -> ConfigurationError:
    return ConfigurationError(sorted(mistakes, key=lambda mistake: mistake.line or 0))


def _mistakes(kind: type[BaseModel], error: ValidationError, file: YamlFile) -> list[Mistake]:
    schema = kind.model_json_schema()
    return [
        Mistake(file.path, file.line(detail["loc"]), _message(schema, detail, file.value))
        for detail in error.errors(include_url=False)
    ]


def _message(schema: dict[str, Any], detail: ErrorDetails, value: Any) -> str:
    place = detail["loc"]
    name = ".".join(map(str, _existing(place, value))) or "the whole file"
    match detail["type"]:
        case "extra_forbidden":
            key = str(place[-1])
            valid = sorted(_keys(schema, place[:-1]))
            near = get_close_matches(key, valid, n=1)
            return f"unknown key {name!r}; " + (
                f"did you mean {near[0]!r}?" if near else f"valid are {', '.join(valid)}"
            )
        case "missing":
            return f"missing key {name!r}"
        case "value_error":
            # A validator of ours: its message says what was expected, of the value or of the whole mapping.
            return f"{name}: {redact_text(detail['msg'].removeprefix('Value error, '))}{_found(detail['input'])}"
    expected = detail["msg"].removeprefix("Input should be ").removeprefix("Input should ")
    return f"{name}: expected {expected}{_found(detail['input'], always=True)}"


def _found(value: Any, *, always: bool = False) -> str:
    if isinstance(value, dict | list | BaseModel):
        return f", found {'a list' if isinstance(value, list) else 'a mapping'}" if always else ""
    shown = redact_text(repr(value))
    return f", found {shown if len(shown) <= _LONGEST_SHOWN else shown[:_LONGEST_SHOWN] + '…'}"


def _existing(place: Place, value: Any) -> Iterator[str | int]:
    """The steps that whoever wrote the file can see; the names of Pydantic's alternatives are left out."""
    for position, step in enumerate(place):
        if isinstance(value, dict) and (step in value or position == len(place) - 1):
            value = value.get(step)
            yield step
        elif isinstance(value, list) and isinstance(step, int) and step < len(value):
            value = value[step]
            yield step


def _keys(schema: dict[str, Any], place: Place) -> set[str]:
    """The keys that a model takes at a place, of all its alternatives there."""
    found = [schema]
    for step in place:
        further = [deeper for one in found for deeper in _below(schema, one, step)]
        found = further or found
    return {
        key for one in found for alternative in _alternatives(schema, one) for key in alternative.get("properties", {})
    }


def _below(schema: dict[str, Any], one: dict[str, Any], step: str | int) -> Iterator[dict[str, Any]]:
    for alternative in _alternatives(schema, one):
        if isinstance(step, int) and "items" in alternative:
            yield alternative["items"]
        elif step in alternative.get("properties", {}):
            yield alternative["properties"][step]


def _alternatives(schema: dict[str, Any], one: dict[str, Any]) -> Iterator[dict[str, Any]]:
    if "$ref" in one:
        one = schema["$defs"][one["$ref"].rpartition("/")[2]]
    yield one
    for alternative in (*one.get("anyOf", ()), *one.get("oneOf", ()), *one.get("allOf", ())):
        yield from _alternatives(schema, alternative)
