"""Records of an API: extract them from a JSON response, find the new ones, and format them as JSON Lines.

An incremental source has a `Watermark`, the largest value read so far: records above it are new.
"""

import json
from collections.abc import Iterable, Sequence
from math import isfinite
from typing import Any, NoReturn

from airnub_common import sha256_hex
from airnub_core.errors import MissingPathError, NotJsonError

LARGE = 1024 * 1024
"""Size in bytes above which a response is parsed in a thread, so that it does not block the event loop."""
MAX_BORDER = 10_000
"""Most records with the watermark's value whose digests are kept. If there are more, all of them are read again:
duplicates are better than gaps.
"""


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


def value_at(url: str, document: Any, path: str) -> Any:
    """Look up a value at a dotted path of names in objects and positions in lists; names may contain dots.

    Raises:
        MissingPathError: there is no value at the path; the message says how far it leads.
    """
    value = document
    steps = path.split(".")
    walked = 0
    while walked < len(steps):
        taken = _taken(value, steps[walked:])
        if taken == 0:
            where = f"'{'.'.join(steps[:walked])}'" if walked else "the response"
            raise MissingPathError(url, path, "a value", f"nothing: {where} is {described(value)}")
        step = ".".join(steps[walked : walked + taken])
        value = value[int(step)] if isinstance(value, list) else value[step]
        walked += taken
    return value


def records_at(url: str, document: Any, path: str | None) -> list[Any]:
    """Return the list of records at a dotted path; without a path, the response itself.

    Raises:
        MissingPathError: there is no value at the path, or it is not a list.
    """
    value = document if path is None else value_at(url, document, path)
    if not isinstance(value, list):
        raise MissingPathError(url, path or "the whole response", "a list of records", described(value))
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
        raise NotJsonError(url, "records that are nested too deeply") from error
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


def is_sendable(value: Any) -> bool:
    """Whether a JSON value can be encoded in a URL; a text with a lone surrogate cannot."""
    return not isinstance(value, str) or value.isascii() or not any("\ud800" <= one <= "\udfff" for one in value)


class Watermark:
    """The largest value of a field so far, by which records are new or known from the previous run.

    An API that is queried for records since a value may return the records with exactly this value again, with later
    ones among them. Known records are recognised by their digests, the border.
    """

    def __init__(self, field: str, written: str | None) -> None:
        """Restore a watermark.

        Args:
            field: dotted path of the increasing value in each record.
            written: the result of `as_text` after the last successful run; `None` before the first one.
        """
        last = None if written is None else json.loads(written)
        if not isinstance(last, dict):
            last = {"value": last, "border": []}  # the format of versions without a border
        self.last: Any = last["value"]
        """Value after the last successful run, a text or a number; `None` before the first record."""
        self.value: Any = self.last
        """Value after all records so far."""
        self._field = field
        self._last_border = frozenset(last["border"])
        self._border = set(self._last_border)

    def as_text(self) -> str:
        """Serialise the watermark for the index."""
        border = sorted(self._border) if len(self._border) <= MAX_BORDER else []
        return json.dumps({"value": self.value, "border": border})

    def new_among(self, url: str, records: Iterable[Any]) -> list[Any]:
        """Return the new records of a page; pages may arrive in any order.

        Raises:
            MissingPathError: a record lacks the field, or its value cannot be compared or sent.
            NotJsonError: a record is nested too deeply.
        """
        return [record for record in records if self._is_new(url, record)]

    def _is_new(self, url: str, record: Any) -> bool:
        value = value_at(url, record, self._field)
        if isinstance(value, bool) or not isinstance(value, str | int | float) or not is_sendable(value):
            raise MissingPathError(url, self._field, "a text or a number", described(value))
        try:
            older = self.value is not None and value < self.value
        except TypeError as error:
            raise MissingPathError(
                url, self._field, f"a value like {self.value!r}, to compare with", described(value)
            ) from error
        if older and value != self.last:
            return True
        digest = sha256_hex(json_lines(url, [record], sort_keys=True))
        if value == self.value:
            self._border.add(digest)
        elif not older:
            self.value, self._border = value, {digest}
        return value != self.last or digest not in self._last_border


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
        raise ValueError(f"{number[:40]} exceeds the range of a number")
    return value


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not valid JSON")
