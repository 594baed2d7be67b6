"""Bodies as streams by themselves; with a client and a server they are tested in `test_transport`."""

import asyncio
from math import inf
from types import SimpleNamespace

import pytest
from answers import answered, requested

from airnub_core.errors import ConnectionFailedError, HttpStatusError, ProtocolError, StoreError
from airnub_core.http import streams
from airnub_core.http.fetcher import EventLoop
from airnub_core.http.streams import MOST_HELD, SMALL, BytesContent, StreamContent, StreamSink

URL = "http://h/a"
RECEIVED = answered(requested(URL))


class FakeClient:
    """Remembers what it is told."""

    def __init__(self):
        self.watched, self.told = [], []

    def watch(self, one):
        """One more."""
        self.watched.append(one)

    def unwatch(self, one):
        """One less; it may have ended before."""
        if one in self.watched:
            self.watched.remove(one)

    def go_on(self, transfer):
        """There is room."""
        self.told.append(("go on", transfer))

    def cancel(self, transfer):
        """It is given up."""
        self.told.append(("cancel", transfer))


def streaming(work):
    """Run a coroutine function with a sink, its client, and what was told at its end."""

    async def main():
        client, ends = FakeClient(), []
        sink = StreamSink(client, EventLoop(), lambda: ends.append("end"))
        sink.transfer = SimpleNamespace(last=None, is_truncated=False)
        return await work(sink, client, ends)

    return asyncio.run(main())


async def all_of(sink):
    """The pieces, and the error that ends them."""
    pieces = []
    try:
        async for piece in sink.read():
            pieces.append(piece)  # noqa: PERF401  # what came before an error counts
    except (ConnectionFailedError, StoreError) as error:
        return pieces, error
    return pieces, None


def test_a_small_answer_is_handed_over_whole():
    """Its headers with its end, its body as one piece; until then it can be asked for again."""

    async def work(sink, client, ends):
        body = sink.body(lambda: RECEIVED)
        for piece in (b"one ", b"two"):
            body.write(piece)
        await asyncio.sleep(0)
        assert (sink.head.done(), sink.can_restart, client.watched) == (False, True, [sink])
        sink.whole(RECEIVED, body)
        assert await sink.head is RECEIVED
        assert await all_of(sink) == ([b"one two"], None)
        assert (sink.can_restart, client.watched, ends) == (False, [], ["end"])

    streaming(work)


def test_a_large_answer_is_read_while_it_comes():
    """From `SMALL` on; where more waits than may, the client hears when there is room again."""

    async def work(sink, client, _ends):
        body = sink.body(lambda: RECEIVED)
        body.write(bytes(SMALL))
        assert sink.can_restart
        body.write(b"x")
        assert not sink.can_restart
        assert await sink.head is RECEIVED
        pieces = sink.read()
        assert len(await anext(pieces)) == SMALL + 1
        body.write(bytes(MOST_HELD))
        assert body.is_full
        assert len(await anext(pieces)) == MOST_HELD
        assert (body.is_full, client.told) == (False, [("go on", sink.transfer)])
        waiting = asyncio.ensure_future(anext(pieces))
        await asyncio.sleep(0)
        body.write(b"last")
        assert await waiting == b"last"
        sink.whole(RECEIVED, body)
        assert [piece async for piece in pieces] == []

    streaming(work)


def test_what_comes_slowly_is_handed_over_after_a_moment(monkeypatch):
    """The reader is not kept waiting for the rest of what is small."""
    now = [100.0]
    monkeypatch.setattr(streams, "monotonic", lambda: now[0])

    async def work(sink, client, _ends):
        sink.body(lambda: RECEIVED).write(b"slow")
        assert 0 < sink.look(now[0]) <= 0.1
        assert sink.look(now[0] + 0.1) == inf
        assert await sink.head is RECEIVED
        assert (sink.look(now[0]), client.watched) == (inf, [])

    streaming(work)


def test_another_version_is_no_continuation():
    """When something of a body was handed over, nothing else can be put behind it."""

    async def work(sink, _client, _ends):
        sink.body(lambda: RECEIVED).write(bytes(SMALL + 1))
        with pytest.raises(ProtocolError, match="another version"):
            sink.body(lambda: RECEIVED)

    streaming(work)


@pytest.mark.parametrize("is_whole", [False, True])
def test_a_body_is_not_taken_for_whole_when_the_client_ends(is_whole):
    """Behind what has come of it stands why; all of a whole one is read."""
    error = ConnectionFailedError("", "the engine was closed")

    async def work(sink, _client, _ends):
        body = sink.body(lambda: RECEIVED)
        body.write(bytes(SMALL + 1))
        if is_whole:
            sink.whole(RECEIVED, body)
        sink.abort(error)
        assert await sink.head is RECEIVED
        assert await all_of(sink) == ([bytes(SMALL + 1)], None if is_whole else error)

    streaming(work)


@pytest.mark.parametrize("error", [ConnectionFailedError(URL, "refused"), StoreError("/store", "full")])
@pytest.mark.parametrize("came", [0, SMALL + 1])
def test_an_error_is_raised_where_it_is_waited_for(error, came):
    """By the headers, where none have come; else behind what has come of the body."""

    async def work(sink, _client, ends):
        if came:
            sink.body(lambda: RECEIVED).write(bytes(came))
        sink.failed(sink.transfer, error)
        if came:
            assert await sink.head is RECEIVED
            assert await all_of(sink) == ([bytes(came)], error)
        else:
            with pytest.raises(type(error)) as raised:
                await sink.head
            assert raised.value is error
        assert ends == ["end"]

    streaming(work)


def test_an_error_of_the_server_is_an_answer():
    """With the beginning of its body."""

    async def work(sink, _client, _ends):
        last = answered(requested(URL), status=503)._replace(content=b"busy")
        transfer = SimpleNamespace(last=last, is_truncated=True)
        sink.failed(transfer, HttpStatusError(URL, 503))
        assert await sink.head is last
        assert (await all_of(sink), sink.is_truncated) == (([b"busy"], None), True)

    streaming(work)


def test_nothing_changed_is_an_answer_without_a_body():
    """As any other."""

    async def work(sink, _client, _ends):
        unchanged = answered(requested(URL), status=304)
        sink.not_modified(unchanged)
        assert await sink.head is unchanged
        assert await all_of(sink) == ([], None)

    streaming(work)


def test_who_stops_reading_gives_up_the_request():
    """Once it has ended there is nothing to give up."""

    async def work(sink, client, ends):
        body = sink.body(lambda: RECEIVED)
        sink.close()
        assert (client.told, ends) == ([("cancel", sink.transfer)], ["end"])
        sink.whole(RECEIVED, body)
        sink.close()
        assert len(client.told) == 1

    streaming(work)


def test_bytes_are_sent_in_pieces_and_can_be_sent_again():
    """Of the size that is asked for."""
    content = BytesContent(b"one two")
    assert (content.size, content.can_rewind) == (7, True)
    assert [content.read(3), content.read(100), content.read(1)] == [b"one", b" two", b""]
    content.rewind()
    assert content.read(100) == b"one two"


def test_a_stream_is_sent_while_it_comes():
    """No more of it waits than may; where nothing waits, it says so, and the client is woken by what comes."""

    async def main():
        client = FakeClient()
        content = StreamContent(None, client, EventLoop())
        content.transfer = "transfer"
        assert (content.size, content.can_rewind, content.read(10)) == (None, False, None)
        given = []

        async def stream():
            for piece in (b"one", b"", bytes(MOST_HELD), b"two"):
                given.append(len(piece))
                yield piece

        feeding = asyncio.ensure_future(content.feed(stream()))
        await asyncio.sleep(0.01)
        assert given == [3, 0, MOST_HELD]
        sent = b""
        while (piece := content.read(100_000)) != b"":
            sent += piece or b""
            await asyncio.sleep(0)
        await feeding
        assert sent == b"one" + bytes(MOST_HELD) + b"two"
        assert set(client.told) == {("go on", "transfer")}

    asyncio.run(main())
