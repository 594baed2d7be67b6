"""Bodies in memory; those of files and streams have tests of their own, and sinks are tested with the client."""

import pytest

from airnub_core.http.body_sink import MemoryBody
from airnub_core.store.partials import WORTH_RESUMING


def test_a_body_in_memory_is_what_came():
    """Piece by piece, with its size."""
    body = MemoryBody()
    assert (body.size, body.content(), body.is_full, body.straight) == (0, b"", False, None)
    for piece in (b"one ", b"", b"two"):
        body.write(piece)
    assert (body.size, body.content()) == (7, b"one two")


def test_a_note_is_taken_once(note):
    """At once; then the body can be resumed."""
    body = MemoryBody()
    assert (body.takes_note, body.resumable) == (True, None)
    body.note(note)
    assert (body.takes_note, body.resumable) == (False, note)


@pytest.mark.parametrize(
    ("size", "noted", "kept"),
    [(WORTH_RESUMING, True, True), (WORTH_RESUMING - 1, True, False), (WORTH_RESUMING, False, False)],
)
def test_another_request_goes_on_where_that_is_worth_it(note, size, noted, kept):
    """With much of a version that the server names."""
    body = MemoryBody()
    body.write(bytes(size))
    if noted:
        body.note(note)
    assert body.keep() is kept
