"""`Engine.client`: what code of departments sees as httpx, and what servers see of it."""

import asyncio
import base64
import gzip
import threading
from contextlib import suppress

import httpx
import pytest
from misbehaviours import content

from airnub_core import ApiSource, FileSource, open_engine
from airnub_core.errors import HttpStatusError, ItemError, TooLargeError, TruncatedBodyError

MIB = 1024 * 1024


@pytest.fixture
def using(tmp_path, network):
    """Run a coroutine function with a client of a source; what it returns."""

    def run(work, source=None, *, secret=None, auth=None, **limits):
        async def main():
            settings = network.model_copy(update=limits)
            async with open_engine(tmp_path, settings, user_agent="tests/1") as engine:
                asked_for = source or FileSource(name="s", urls=["http://h/"])
                async with engine.client(asked_for, secret, auth=auth) as client:
                    result = work(client)
                    return await result if asyncio.iscoroutine(result) else result

        return asyncio.run(main())

    return run


def test_an_answer_is_httpx_s(recording, using):
    """Status, headers with several of one name, bytes; and what is known of it beside them."""
    server = recording(lambda _asked: (200, [("X-Two", "1"), ("X-Two", "2"), ("Content-Type", "text/plain")], b"fine"))
    answer = using(lambda client: client.get(server.url("/a?b=c")))
    assert isinstance(answer, httpx.Response)
    assert (answer.status_code, answer.text, answer.headers.get_list("x-two")) == (200, "fine", ["1", "2"])
    assert (answer.extensions["url"], answer.extensions["attempts"]) == (server.url("/a?b=c"), 1)
    [asked] = server.asked
    assert (asked.method, asked.target) == ("GET", "/a?b=c")
    assert (asked.header("user-agent"), asked.header("accept-encoding")) == ("tests/1", "identity")


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
def test_methods_and_bodies(recording, using, method):
    """JSON as httpx writes it, with one length; nothing is asked of the server first."""
    server = recording()
    using(lambda client: client.request(method, server.url(), json={"a": 1}))
    [asked] = server.asked
    assert (asked.method, asked.body) == (method, b'{"a":1}')
    assert (asked.header("content-type"), asked.header("content-length")) == ("application/json", "7")
    assert asked.header("expect") is None


def test_a_body_without_a_type(recording, using):
    """No type is made up for it, and none for an empty one."""
    server = recording()

    async def work(client):
        await client.post(server.url(), content=b"\0raw")
        await client.post(server.url())
        await client.get(server.url())

    using(work)
    assert [asked.header("content-type") for asked in server.asked] == [None] * 3
    assert [asked.header("content-length") for asked in server.asked] == ["4", "0", None]
    assert [asked.method for asked in server.asked] == ["POST", "POST", "GET"]


def test_head_has_no_body(recording, using):
    """Whatever length it names, which is no reason to refuse it."""
    server = recording(lambda _asked: (200, {"Content-Length": "5000000"}, b""))

    async def work(client):
        answer = await client.head(server.url())
        return answer, await client.get(server.url("/small"))

    server.answer = lambda asked: (200, {"Content-Length": "5000000"} if asked.method == "HEAD" else {}, b"x")
    head, small = using(work, max_bytes=1000)
    assert (head.status_code, head.content, head.headers["content-length"]) == (200, b"", "5000000")
    assert small.content == b"x"


def test_a_header_without_a_value_is_sent(recording, using):
    """To libcurl it would be one that is not to be sent."""
    server = recording()
    using(lambda client: client.get(server.url(), headers={"X-Empty": "", "Accept": "application/json"}))
    [asked] = server.asked
    assert (asked.header("x-empty"), asked.header("accept")) == ("", "application/json")


# --- redirects, cookies, credentials


def test_redirects_are_followed_below(recording, using):
    """The final URL is among the extensions, the first one is httpx's; a GET follows a POST, and 307 keeps it."""

    def answer(asked):
        path = asked.target
        status = int(path[1:]) if path[1:].isdigit() else 200
        return (status, {"Location": "/end"} if status != 200 else {}, f"{asked.method} {asked.body!r}".encode())

    server = recording(answer)

    async def work(client):
        return [await client.post(server.url(f"/{status}"), content=b"x") for status in (301, 302, 303, 307, 308)]

    answers = using(work)
    assert [one.text for one in answers] == ["GET b''"] * 3 + ["POST b'x'"] * 2
    assert {one.extensions["url"] for one in answers} == {server.url("/end")}
    assert str(answers[0].url) == server.url("/301")
    assert "content-length" not in server.asked[1].headers


def test_a_body_is_not_sent_on_to_another_origin(recording, using):
    """It may hold a password."""
    other = recording()
    server = recording(lambda _asked: (307, {"Location": other.url()}, b""))
    with pytest.raises(httpx.UnsupportedProtocol, match="expected one origin for a body"):
        using(lambda client: client.post(server.url(), content=b"secret"))
    assert other.asked == []


def test_headers_of_the_source_are_for_its_own_origin(recording, using):
    """Also where the code asks another one for something; a header of the request wins over that of the source."""
    own, other = recording(), recording()
    source = ApiSource(
        name="s",
        url=own.url("/api"),
        headers={"X-Key": "k3y", "Accept": "application/json"},
        auth={"block": "secret/token", "prefix": "Bearer "},
    )

    async def work(client):
        await client.get(own.url("/a"))
        await client.get(own.url("/a"), headers={"X-Key": "mine", "Authorization": "Bearer mine"})
        await client.get(other.url("/a"))

    using(work, source, secret=lambda reference: f"value of {reference}")
    first, second = own.asked
    assert (first.header("x-key"), first.header("authorization")) == ("k3y", "Bearer value of secret/token")
    assert first.header("accept") == "application/json"
    assert (second.header("x-key"), second.header("authorization")) == ("mine", "Bearer mine")
    assert not {"x-key", "authorization"} & set(other.asked[0].headers)


def test_a_secret_that_nothing_gives(using, recording):
    """It is said before anything is asked."""
    source = ApiSource(name="s", url=recording().url(), auth={"block": "secret/token"})
    with pytest.raises(ValueError, match="s: expected a function that returns secret/token"):
        using(lambda client: client.get("http://h/"), source)


def test_an_authorization_header_wins_over_a_user_in_the_url(recording, using):
    """And without one, user and password are sent; neither goes to another origin."""
    server = recording()
    url = server.url().replace("://", "://me:pw@")

    async def work(client):
        await client.get(url)
        await client.get(url, headers={"Authorization": "Bearer x"})
        await client.get(url, auth=("you", "pw"))

    using(work)
    basic = [f"Basic {base64.b64encode(pair).decode()}" for pair in (b"me:pw", b"you:pw")]
    assert [asked.header("authorization") for asked in server.asked] == [basic[0], "Bearer x", basic[1]]


def test_cookies_are_the_client_s(recording, using):
    """Set once, they come back with each request to their origin; another client has its own, and httpx keeps none."""
    other = recording(lambda asked: (302, {"Location": server.url("/end")}, b""))

    def answer(asked):
        headers = {"Set-Cookie": "session=1; Path=/", "Location": other.url()} if asked.target == "/start" else {}
        return 302 if headers else 200, headers, b""

    server = recording(answer)

    async def work(client):
        await client.get(server.url("/start"))
        await client.get(server.url("/more"), headers={"Cookie": "mine=2"})
        return len(client.cookies)

    assert using(work) == 0
    assert [asked.header("cookie") for asked in server.asked] == [None, "session=1", "session=1; mine=2"]
    assert other.asked[0].header("cookie") is None
    using(lambda client: client.get(server.url("/more")))
    assert server.asked[-1].header("cookie") is None


def test_a_cookie_that_the_server_takes_back_is_gone(recording, using):
    """An end in the past is its end."""

    def answer(asked):
        age = {"/set": "100", "/drop": "0"}.get(asked.target)
        return 200, {} if age is None else {"Set-Cookie": f"a=1; Path=/; Max-Age={age}"}, b""

    server = recording(answer)

    async def work(client):
        for path in ("/set", "/x", "/drop", "/x"):
            await client.get(server.url(path))

    using(work)
    assert [asked.header("cookie") for asked in server.asked] == [None, "a=1", "a=1", None]


class Token(httpx.Auth):
    """Signs in again when it is refused."""

    def __init__(self, token_url):
        self.token = "old"
        self.seen = []
        self._token_url = token_url
        self.requires_response_body = True

    def auth_flow(self, request):
        """As httpx has it."""
        request.headers["Authorization"] = f"Bearer {self.token}"
        response = yield request
        self.seen.append(response.status_code)
        if response.status_code == 401:
            fresh = yield httpx.Request("POST", self._token_url, data={"grant_type": "client_credentials"})
            self.token = fresh.json()["access_token"]
            request.headers["Authorization"] = f"Bearer {self.token}"
            yield request


def test_auth_that_signs_in_again(recording, using):
    """Its own requests go the same way."""

    def answer(asked):
        if asked.target == "/token":
            return 200, {}, b'{"access_token": "new"}'
        return (200 if asked.header("authorization") == "Bearer new" else 401), {}, b"x"

    server = recording(answer)
    assert using(lambda client: client.get(server.url()), auth=Token(server.url("/token"))).status_code == 200
    assert [asked.target for asked in server.asked] == ["/", "/token", "/"]
    assert server.asked[1].body == b"grant_type=client_credentials"


def test_a_refusal_of_another_origin_is_not_answered(recording, using):
    """Neither there nor at the origin that sent on to it."""
    other = recording(lambda _asked: (401, {"WWW-Authenticate": "Basic"}, b"who"))
    server = recording(lambda _asked: (302, {"Location": other.url()}, b""))
    auth = Token(server.url("/token"))
    answer = using(lambda client: client.get(server.url()), auth=auth)
    assert (answer.status_code, answer.text, auth.seen) == (401, "who", [])
    assert len(server.asked) == len(other.asked) == 1
    assert other.asked[0].header("authorization") is None


# --- attempts


@pytest.mark.parametrize(
    ("method", "retry", "times"),
    [("GET", None, 3), ("PUT", None, 3), ("POST", None, 1), ("PATCH", None, 1), ("POST", True, 3), ("GET", False, 1)],
)
def test_what_is_asked_again(recording, using, method, retry, times):
    """A method that is not idempotent only where that is wanted; the last answer is the answer."""
    server = recording(lambda _asked: (503, {}, b"later"))
    extensions = {} if retry is None else {"retry": retry}
    answer = using(lambda client: client.request(method, server.url(), extensions=extensions), attempts=3)
    assert (answer.status_code, answer.text, answer.extensions["attempts"]) == (503, "later", times)
    assert len(server.asked) == times


@pytest.mark.parametrize("body", [b"x", b""])
def test_a_post_is_not_repeated_on_a_connection_that_was_closed(recording, using, body):
    """By libcurl neither: the server may have done what it was asked for."""
    server = recording()

    async def work(client):
        await client.post(server.url(), content=body)
        server.answer = lambda _asked: None
        with pytest.raises(httpx.TransportError):
            await client.post(server.url("/again"), content=body)

    using(work, attempts=3)
    assert [asked.target for asked in server.asked] == ["/", "/again"]


def test_a_small_body_that_is_cut_is_asked_for_again(raw_server, using):
    """As that of a file is, with the same words in the end."""
    answers = iter(
        [b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nfi", b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nfine"]
    )
    raw_server.answer = lambda connection: connection.sendall(next(answers))
    assert using(lambda client: client.get(raw_server.url()), attempts=2).text == "fine"
    raw_server.answer = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nfi"
    with pytest.raises(httpx.RemoteProtocolError) as error:
        using(lambda client: client.get(raw_server.url()), attempts=2)
    assert error.value.__cause__ == TruncatedBodyError(raw_server.url(), 4, 2)
    assert str(error.value) == str(error.value.__cause__)


def test_a_large_body_that_is_cut_goes_on(server, using):
    """From the byte that is wanted next, where the server names versions strongly; else it is an error."""
    url = server.url("cut", size=4 * MIB, sent=2 * MIB)
    assert using(lambda client: client.get(url), attempts=2).content == content(4 * MIB)
    assert server.asked[1].start == 2 * MIB
    weak = server.url("cut", size=4 * MIB, sent=2 * MIB, etag='W/"v1"', times=9)
    with pytest.raises(httpx.RemoteProtocolError):
        using(lambda client: client.get(weak), attempts=2)
    assert len(server.asked) == 3


# --- limits


def test_a_bomb_is_cut_off_at_the_limit(recording, using):
    """Httpx decodes nothing by itself: what counts is what it decodes to."""
    packed = gzip.compress(bytes(5_000_000))
    server = recording(lambda _asked: (200, {"Content-Encoding": "gzip"}, packed))
    with pytest.raises(httpx.TransportError) as error:
        using(lambda client: client.get(server.url()), max_bytes=10_000)
    assert error.value.__cause__ == TooLargeError(server.url(), 10_000)
    answer = using(lambda client: client.get(server.url()), max_bytes=5_000_000)
    assert answer.content == bytes(5_000_000)
    assert not {"content-encoding", "content-length"} & set(answer.headers)


def test_of_an_error_the_beginning_is_kept(recording, using):
    """64 KiB, whatever the limit of bodies is; decoded as any other."""
    server = recording(lambda _asked: (404, {}, b"x" * 200_000))
    answer = using(lambda client: client.get(server.url()), max_bytes=10_000)
    assert (answer.status_code, answer.content, answer.extensions["is_truncated"]) == (404, b"x" * 65536, True)
    server.answer = lambda _asked: (422, {"Content-Encoding": "gzip"}, gzip.compress(b'{"error": "a"}'))
    answer = using(lambda client: client.get(server.url()), max_bytes=10)
    assert (answer.status_code, answer.json(), answer.extensions["is_truncated"]) == (422, {"error": "a"}, False)


@pytest.mark.parametrize(
    ("timeout", "kind"),
    [
        (httpx.Timeout(0.3), httpx.ReadTimeout),
        (httpx.Timeout(None, read=0.3), httpx.ReadTimeout),
    ],
)
def test_the_timeouts_of_a_request_are_honoured(server, using, timeout, kind):
    """Where they are shorter than the source's."""
    with pytest.raises(kind, match=r"expected a byte within 0\.3 s"):
        using(lambda client: client.get(server.url("stall"), timeout=timeout), stall_timeout=60)


def test_a_request_that_finds_no_connection_free(server, using):
    """In the time that it gives itself for that."""

    async def work(client):
        slow = asyncio.create_task(client.get(server.url("stall")))
        await asyncio.to_thread(server.busy.reached, 1)
        with pytest.raises(httpx.PoolTimeout):
            await client.get(server.url("told"), timeout=httpx.Timeout(None, pool=0.2))
        slow.cancel()
        with suppress(asyncio.CancelledError):
            await slow

    using(work, connections=1, stall_timeout=60)


# --- streams


def test_a_body_is_a_stream_with_a_bound(recording, using):
    """While it is not read the server has to wait; what was sent at last is all of it."""
    sent = []

    def pieces():
        for number in range(400):
            sent.append(number)
            yield bytes(65536)

    server = recording(lambda _asked: (200, {}, pieces()))

    async def work(client):
        async with client.stream("GET", server.url()) as answer:
            pieces = answer.aiter_raw()
            size = len(await anext(pieces))
            before = -1
            while len(sent) != before:
                before = len(sent)
                await asyncio.sleep(0.3)
            assert len(sent) < 400
            async for piece in pieces:
                size += len(piece)
            return size

    assert using(work) == 400 * 65536


def test_what_comes_slowly_is_handed_over(recording, using):
    """The headers and the first piece do not wait for the last one."""
    go_on = threading.Event()

    def pieces():
        yield b"first"
        assert go_on.wait(20)
        yield b"last"

    server = recording(lambda _asked: (200, {}, pieces()))

    async def work(client):
        async with client.stream("GET", server.url()) as answer:
            pieces = answer.aiter_raw()
            first = await anext(pieces)
            go_on.set()
            return [first, *[piece async for piece in pieces]]

    assert using(work) == [b"first", b"last"]


@pytest.mark.parametrize("ending", ["left", "cancelled"])
def test_a_stream_that_is_left_gives_its_turn_back(server, using, ending):
    """The only connection is free for the next request."""

    async def work(client):
        async def read():
            async with client.stream("GET", server.url("endless")) as answer:
                async for _ in answer.aiter_raw():
                    if ending == "left":
                        break
                    await asyncio.sleep(60)

        task = asyncio.create_task(read())
        if ending == "cancelled":
            await asyncio.to_thread(server.busy.reached, 1)
            task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        return (await client.get(server.url("told"))).text

    assert using(work, connections=1, stall_timeout=60) == "fine"


def test_a_request_streams_its_body(recording, using):
    """In chunks, or with the length that it names; it is sent once."""
    server = recording()

    async def pieces():
        for number in range(40):
            await asyncio.sleep(0)
            yield bytes([number]) * 65536

    async def work(client):
        await client.post(server.url(), content=pieces())
        await client.put(server.url(), content=pieces(), headers={"Content-Length": str(40 * 65536)})

    using(work, attempts=3)
    expected = b"".join(bytes([number]) * 65536 for number in range(40))
    assert [asked.body for asked in server.asked] == [expected] * 2
    assert server.asked[0].header("transfer-encoding") == "chunked"
    assert (server.asked[1].header("transfer-encoding"), server.asked[1].header("content-length")) == (None, "2621440")


def test_a_stream_of_a_request_that_fails(recording, using):
    """Its own error is raised, and the connection given up."""
    server = recording()

    async def pieces():
        yield b"x"
        raise LookupError("no more")

    async def work(client):
        with pytest.raises(LookupError, match="no more"):
            await client.post(server.url(), content=pieces())
        return (await client.get(server.url())).text

    assert using(work, connections=1) == "fine"


def test_many_at_once_are_not_mixed_up(recording, using):
    """Each has its own answer, within the limits of the host."""
    server = recording(lambda asked: (200, {}, asked.target.encode()))

    async def work(client):
        answers = await asyncio.gather(*(client.get(server.url(f"/{number}")) for number in range(100)))
        return [answer.text for answer in answers]

    assert using(work, connections_per_host=4) == [f"/{number}" for number in range(100)]


def test_what_is_asked_is_not_in_the_store(recording, tmp_path, network):
    """Until it is kept, as what was made of other things."""
    server = recording(lambda _asked: (200, {}, b"fine"))
    source = ApiSource(name="s", url=server.url("/api"))

    async def main():
        async with open_engine(tmp_path, network) as engine, engine.client(source) as client:
            from airnub_core import Item

            begun = engine.begin(Item("s", source.url, network), "answer.txt")
            answer = await client.get(source.url)
            files = [path for path in tmp_path.rglob("*") if path.is_file() and ".airnub" not in path.parts]
            kept = engine.keep(begun, answer.content, "text/plain", ())
            [outcome] = await engine.commit([kept])
            return files, outcome

    before, outcome = asyncio.run(main())
    assert before == []
    assert (tmp_path / outcome.path).read_bytes() == b"fine"


def test_an_engine_that_is_closed_asks_nothing(recording, tmp_path, network, server):
    """What waits then fails, and so does what comes later."""

    async def main():
        async with open_engine(tmp_path, network.model_copy(update={"stall_timeout": 60})) as engine:
            client = engine.client(FileSource(name="s", urls=["http://h/"]))
            waiting = asyncio.create_task(client.get(server.url("stall")))
            await asyncio.to_thread(server.busy.reached, 1)
        for asking in (waiting, client.get(server.url("told"))):
            with pytest.raises(httpx.ConnectError, match="the engine was closed"):
                await asking

    asyncio.run(main())


@pytest.mark.parametrize("code", [400, 404, 503])
def test_a_status_is_an_answer_and_no_error(server, using, code):
    """As httpx has it; what a file would say of it is not raised."""
    answer = using(lambda client: client.get(server.url("status", code=code)))
    assert answer.status_code == code
    assert not isinstance(answer, ItemError | HttpStatusError)
