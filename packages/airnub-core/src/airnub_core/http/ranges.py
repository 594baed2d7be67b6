"""Ranges: what comes in answer to a request for the rest of a body (RFC 9110, 14.4 and 15.3.7)."""

from collections.abc import Mapping

from airnub_core.errors import ProtocolError
from airnub_core.http.headers import length_in, number_in
from airnub_core.store.partials import Note


class UnfitPartError(ProtocolError):
    """What came in answer to a request for a part cannot be put behind what is there: the whole is fetched afresh."""


def check_part(url: str, headers: Mapping[str, str], note: Note, size: int) -> None:
    """A part is believed only where it starts at the byte that was asked for, and is one of the same version.

    Args:
        url: what was asked for, for the error.
        headers: of the answer.
        note: what is known of the bytes that are there.
        size: how many they are.

    Raises:
        UnfitPartError: it is not.
    """
    named = headers.get("content-range", "no Content-Range")
    unit, _, rest = named.partition(" ")
    start, _, end = rest.partition("-")
    total = number_in(end.rpartition("/")[2].strip())
    fits = unit.lower() == "bytes" and number_in(start.strip()) == size
    plain = headers.get("content-encoding", "identity").strip().lower() == "identity"
    whole_range = length_in(headers) in {None, _span(start, end)}
    same = headers.get("etag", note.etag) == note.etag
    whole = note.expected is None or total is None or total == note.expected
    if not (fits and plain and whole_range and same and whole):
        raise UnfitPartError(url, f"a part that is not that from byte {size:,} on ({named})")


def _span(start: str, end: str) -> int | None:
    """Bytes from `start` to the number that `end` begins with."""
    first, last = number_in(start.strip()), number_in(end.partition("/")[0].strip())
    return None if first is None or last is None else last - first + 1
