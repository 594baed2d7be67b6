"""Records: extract the records from the JSON response of an API."""

import json
from collections.abc import Iterable, Sequence
from math import isfinite
from typing import Any, NoReturn

from airnub_core.errors import MissingPathError, NotJsonError

LARGE = 1024 * 1024
"""Bytes; a larger answer takes so long that it is read beside the event loop."""


def parse_json(url: str, content: bytes) -> Any:
    """The JSON value in an answer.

    Raises:
        NotJsonError: it is not JSON as RFC 8259 has it; `NaN` and the like are not. Nor is what cannot be written
            again as it was meant: numbers beyond all limits, and values nested hundreds deep.
    """
    # Between two functions of Python other threads get their turn, as they do not in a parser that has none to call.
    is_large = len(content) > LARGE
    try:
        return json.loads(
            content,
            parse_constant=_refuse,
            parse_float=_finite,
            parse_int=_whole if is_large else None,
            object_hook=_as_it_is if is_large else None,
        )
    except (ValueError, RecursionError) as error:
        start = content[:40].decode(errors="replace")
        raise NotJsonError(url, f"{str(error) or type(error).__name__} (it starts with {start!r})") from error


def value_at(url: str, answer: Any, path: str) -> Any:
    """The value at a dotted path through objects, and lists by number; names may have dots in them.

    Raises:
        MissingPathError: nothing is there; it says how far the path leads.
    """
    value = answer
    steps = path.split(".")
    walked = 0
    while walked < len(steps):
        taken = _taken(value, steps[walked:])
        if taken == 0:
            where = f"'{'.'.join(steps[:walked])}'" if walked else "the answer"
            raise MissingPathError(url, path, "a value", f"nothing: {where} is {described(value)}")
        step = ".".join(steps[walked : walked + taken])
        value = value[int(step)] if isinstance(value, list) else value[step]
        walked += taken
    return value


def records_at(url: str, answer: Any, path: str | None) -> list[Any]:
    """The list of records at a dotted path, or the answer itself where there is no path.

    Raises:
        MissingPathError: nothing is there, or no list.
    """
    value = answer if path is None else value_at(url, answer, path)
    if not isinstance(value, list):
        raise MissingPathError(url, path or "the whole answer", "a list of records", described(value))
    return value


def json_lines(url: str, records: Iterable[Any], *, sort_keys: bool = False) -> bytes:
    """The records as JSON Lines: UTF-8, one value a line, keys in the order that the API gave them, or sorted.

    Raises:
        NotJsonError: they are nested too deep.
    """
    try:
        lines = [
            json.dumps(record, ensure_ascii=False, separators=(",", ":"), sort_keys=sort_keys) for record in records
        ]
    except RecursionError as error:
        raise NotJsonError(url, "records that are nested too deep") from error
    # Half a surrogate pair is no character, but JSON can say it; Python's way of escaping it is JSON's own.
    return b"".join(line.encode(errors="backslashreplace") + b"\n" for line in lines)


def described(value: Any) -> str:
    """What a JSON value is, for a person."""
    match value:
        case None:
            return "null"
        case dict():
            return f"an object with {', '.join(map(repr, list(value)[:10])) or 'no keys'}"
        case list():
            return f"a list of {len(value)}"
        case str():
            return f"the text {value[:40]!r}"
    return f"the value {value!r}"


def _taken(value: Any, steps: Sequence[str]) -> int:
    """How many steps lead into a value: one, or more where a name has dots in it; 0 for none."""
    if isinstance(value, dict):
        return next((many for many in range(1, len(steps) + 1) if ".".join(steps[:many]) in value), 0)
    first = steps[0]
    return int(isinstance(value, list) and first.isdecimal() and len(first) < 10 and int(first) < len(value))


def _as_it_is(value: dict[str, Any]) -> dict[str, Any]:
    return value


def _whole(number: str) -> int:
    return int(number)


def _finite(number: str) -> float:
    value = float(number)
    if not isfinite(value):
        raise ValueError(f"{number[:40]} is more than a number can be")
    return value


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no JSON")
