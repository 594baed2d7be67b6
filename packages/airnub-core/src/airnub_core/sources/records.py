"""Records: extract the records from the JSON response of an API."""

import json
from collections.abc import Iterable, Sequence
from math import isfinite
from typing import Any, NoReturn

from airnub_core.errors import MissingPathError, NotJsonError

LARGE = 1024 * 1024
"""Size in bytes above which a response is parsed in a thread, so that it does not block the event loop."""


def parse_json(url: str, content: bytes) -> Any:
    """Parse a JSON response body.

    Raises:
        NotJsonError: the body is not JSON (RFC 8259), which has no `NaN` or `Infinity`; or it cannot be written again
            unchanged, since a number exceeds the range of a float or values are nested too deeply.
    """
    # Python callbacks let other threads run during the parse; without them the C parser would hold the GIL throughout.
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
    """Look up a value at a dotted path of names in objects and positions in lists; names may contain dots.

    Raises:
        MissingPathError: there is no value at the path; the message says how far it leads.
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
    """Return the list of records at a dotted path; without a path, the response itself.

    Raises:
        MissingPathError: there is no value at the path, or it is not a list.
    """
    value = answer if path is None else value_at(url, answer, path)
    if not isinstance(value, list):
        raise MissingPathError(url, path or "the whole answer", "a list of records", described(value))
    return value


def json_lines(url: str, records: Iterable[Any], *, sort_keys: bool = False) -> bytes:
    """Format records as JSON Lines: UTF-8, one value per line, keys in their original order or sorted.

    Raises:
        NotJsonError: the records are nested too deeply.
    """
    try:
        lines = [
            json.dumps(record, ensure_ascii=False, separators=(",", ":"), sort_keys=sort_keys) for record in records
        ]
    except RecursionError as error:
        raise NotJsonError(url, "records that are nested too deep") from error
    # A lone surrogate cannot be encoded in UTF-8, but JSON can escape it; Python's `backslashreplace` does the same.
    return b"".join(line.encode(errors="backslashreplace") + b"\n" for line in lines)


def described(value: Any) -> str:
    """Describe a JSON value for an error message."""
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
    """Number of path steps that match a value: one, more if a name contains dots, or 0 if none does."""
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
