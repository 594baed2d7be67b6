"""Watermarks: the progress of an incremental API, and which of its records are new since then."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Self

from airnub_common import sha256_hex
from airnub_core.errors import MissingPathError
from airnub_core.sources.pagination import is_sendable
from airnub_core.sources.records import described, json_lines, value_at

MAX_BORDER = 10_000
"""Records of the largest value that are remembered; of more, all come again: twice is better than never."""


@dataclass(frozen=True, slots=True)
class Watermark:
    """The largest value of a field so far, and the records that have it."""

    value: Any = None
    """A text or a number; `None` before the first record."""
    border: frozenset[str] = frozenset()
    """Digests of the records whose field is `value`."""

    @classmethod
    def parse(cls, text: str | None) -> Self:
        """From what `as_text` wrote; `None` before the first success."""
        if text is None:
            return cls()
        written = json.loads(text)
        if not isinstance(written, dict):
            return cls(written)  # as it was written before the border was kept
        return cls(written["value"], frozenset(written["border"]))

    def as_text(self) -> str:
        """What an index keeps."""
        border = sorted(self.border) if len(self.border) <= MAX_BORDER else []
        return json.dumps({"value": self.value, "border": border})


class NewRecords:
    """Tells new records from those that were there before, and how far they go.

    An API that is asked for what is new since a value may give the records of this very value again, and among them
    some that came later: they are known by their digests.
    """

    def __init__(self, last: Watermark, field: str) -> None:
        """Start.

        Args:
            last: of the last success.
            field: a dotted path in each record to what grows.
        """
        self._last = last
        self._field = field
        self._value = last.value
        self._border = set(last.border)

    @property
    def watermark(self) -> Watermark:
        """Behind all records so far."""
        return Watermark(self._value, frozenset(self._border))

    def among(self, url: str, records: Iterable[Any]) -> list[Any]:
        """The records of a page that are new; pages may come in any order.

        Raises:
            MissingPathError: a record has no such field, or none that compares and can be sent.
            NotJsonError: a record is nested too deep.
        """
        return [record for record in records if self._is_new(url, record)]

    def _is_new(self, url: str, record: Any) -> bool:
        value = value_at(url, record, self._field)
        if isinstance(value, bool) or not isinstance(value, str | int | float) or not is_sendable(value):
            raise MissingPathError(url, self._field, "a text or a number", described(value))
        try:
            older = self._value is not None and value < self._value
        except TypeError as error:
            raise MissingPathError(
                url, self._field, f"a value like {self._value!r}, to compare with", described(value)
            ) from error
        if older and value != self._last.value:
            return True
        digest = sha256_hex(json_lines(url, [record], sort_keys=True))
        if value == self._value:
            self._border.add(digest)
        elif not older:
            self._value, self._border = value, {digest}
        return value != self._last.value or digest not in self._last.border
