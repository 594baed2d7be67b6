"""httpx transport: an `httpx.AsyncClient` for code of departments, whose requests the engine's client sends.

Redirects, cookies, credentials, SSRF protection, TLS, proxies, retries, rate limits, and limits of connections, time
and size are those of file downloads. The redirects and cookies of httpx are disabled.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from http import HTTPStatus
from math import inf
from typing import Any, Protocol

import httpx

from airnub_core.errors import (
    ConnectionFailedError,
    ContentEncodingError,
    IngestError,
    ProtocolError,
    RefusedHeaderError,
    RefusedUrlError,
    TlsError,
    TooManyRedirectsError,
    TransferTimeoutError,
    TruncatedBodyError,
)
from airnub_core.http.client import Client
from airnub_core.http.cookies import Cookies
from airnub_core.http.fetcher import EventLoop
from airnub_core.http.limits import Limits
from airnub_core.http.request import Content, Request, Response, Transfer
from airnub_core.http.settings import NetworkSettings
from airnub_core.http.streams import BytesContent, StreamContent, StreamSink
from airnub_core.http.url import origin_of

_OURS = frozenset({"accept-encoding", "connection", "content-length", "expect", "host", "transfer-encoding"})
"""Request headers set by libcurl instead of httpx; the Host of httpx would be sent to every redirect target."""
_ENCODING = b"content-encoding"
"""Response header removed for httpx, which would decode the body again; it is decoded here, within `max_bytes`."""
_WITH_BODY = frozenset({"POST", "PUT", "PATCH"})
_ERRORS: dict[type[IngestError], type[httpx.RequestError]] = {
    ConnectionFailedError: httpx.ConnectError,
    ContentEncodingError: httpx.DecodingError,
    ProtocolError: httpx.RemoteProtocolError,
    RefusedHeaderError: httpx.LocalProtocolError,
    RefusedUrlError: httpx.UnsupportedProtocol,
    TlsError: httpx.ConnectError,
    TooManyRedirectsError: httpx.TooManyRedirects,
    TruncatedBodyError: httpx.RemoteProtocolError,
}
"""The httpx exception for each error; `httpx.TransportError` for all others."""
_Secret = Callable[[str], str] | None
"""Returns the value of a secret by its reference."""


class ClientSource(Protocol):
    """The attributes of a source that its client uses."""

    @property
    def name(self) -> str:
        """The name of the source."""

    @property
    def home(self) -> str | None:
        """The URL to whose origin the source's headers are sent."""

    def network(self, department: NetworkSettings) -> NetworkSettings:
        """The network settings of the source, with those of the department as defaults."""

    def request_headers(self, secret: _Secret) -> Mapping[str, str]:
        """The request headers of the source, including secrets; names in lower case."""


class Transport(httpx.AsyncBaseTransport):
    """httpx transport that sends the requests of one source with the engine's client; belongs to one event loop."""

    def __init__(
        self, client: Client, event_loop: EventLoop, source: ClientSource, department: NetworkSettings, secret: _Secret
    ) -> None:
        self._client, self._event_loop, self._source = client, event_loop, source.name
        self._source_limits = source.network(department).limits()
        self._source_headers = source.request_headers(secret)
        self._own = None if source.home is None else origin_of(source.home)
        """The only origin that gets the headers of the source."""
        self._cookies = Cookies()
        self._open: set[StreamSink] = set()
        client.watch(self)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request, following redirects and retrying.

        The request extension `retry` (a bool) overrides whether the request may be retried.

        Raises:
            httpx.TransportError: the request failed without a response; its `__cause__` is the engine's error.
        """
        sink = StreamSink(self._client, self._event_loop, lambda: self._open.discard(sink))
        feeding: asyncio.Task[None] | None = None
        try:
            content, url = self._content(request), str(request.url)
            transfer = sink.transfer = Transfer(
                Request(0, self._source, url, "", self._limits(request), self._headers(request, url)),
                sink,
                cookies=self._cookies,
                method=request.method.upper(),
                content=content,
                may_repeat=request.extensions.get("retry"),
            )
            transfer.per_host = max(1, transfer.per_host // self._client.shared_by)
            self._open.add(sink)
            self._client.submit(transfer)
            if isinstance(content, StreamContent):
                content.transfer = transfer
                assert isinstance(request.stream, httpx.AsyncByteStream), "what an asynchronous client sends"
                feeding = asyncio.create_task(content.feed(request.stream))
                feeding.add_done_callback(lambda task: _feeding_ended(task, sink))
            self._watch_pool(request, transfer, sink)
            received = await sink.head
        except BaseException as error:
            sink.close()
            if feeding is not None:
                feeding.cancel()
            if isinstance(error, IngestError):
                raise _as_httpx(error, request) from error
            raise
        return httpx.Response(
            received.status,
            headers=_headers_of(received, is_truncated=sink.is_truncated),
            stream=_Stream(sink, request, feeding),
            extensions={"url": received.final_url, "attempts": received.attempts, "is_truncated": sink.is_truncated},
        )

    async def aclose(self) -> None:
        """Cancel all running requests."""
        for sink in list(self._open):
            sink.close()
        self._client.call(lambda: self._client.unwatch(self))

    def look(self, _now: float) -> float:
        """Do nothing; `Watcher` requires it."""
        return inf

    def crashed(self, error: BaseException) -> None:
        """Fail all running requests; called by the client as a `Watcher`."""
        self._event_loop.call(lambda: self.abort(error))

    def abort(self, error: BaseException) -> None:
        """Raise the error that ended the client from all running requests."""
        for sink in list(self._open):
            sink.abort(error)

    def _headers(self, request: httpx.Request, url: str) -> dict[str, str]:
        """Merge the headers of request and source; the source's are defaults, and only for its own origin."""
        headers: dict[str, str] = {}
        if self._own is not None and origin_of(url) == self._own:
            headers.update(self._source_headers)
        own: dict[str, str] = {}
        for name, value in request.headers.multi_items():
            if name not in _OURS:
                own[name] = f"{own[name]}{'; ' if name == 'cookie' else ', '}{value}" if name in own else value
        # httpx adds `Accept: */*` to all requests, which must not override the source's header.
        if own.get("accept") == "*/*" and "accept" in headers:
            del own["accept"]
        return headers | own

    def _limits(self, request: httpx.Request) -> Limits:
        """Return the limits of the source, with the timeouts of the request if they are shorter."""
        limits, timeout = self._source_limits, request.extensions.get("timeout") or {}
        if (connect := timeout.get("connect")) is not None:
            limits = limits._replace(connect_timeout=min(connect, limits.connect_timeout))
        if (read := timeout.get("read")) is not None:
            limits = limits._replace(stall_timeout=min(read, limits.stall_timeout))
        return limits

    def _content(self, request: httpx.Request) -> Content | None:
        try:
            content = request.content
        except httpx.RequestNotRead:
            length = request.headers.get("content-length")
            return StreamContent(None if length is None else int(length), self._client, self._event_loop)
        return BytesContent(content) if content or request.method.upper() in _WITH_BODY else None

    def _watch_pool(self, request: httpx.Request, transfer: Transfer, sink: StreamSink) -> None:
        """Fail a request that gets no connection within its `pool` timeout."""
        seconds = (request.extensions.get("timeout") or {}).get("pool")
        if seconds is None:
            return

        def look() -> None:
            if not transfer.attempts and not sink.head.done():
                message = f"{transfer.url}: expected a connection of the pool within {seconds:g} s, found none free"
                sink.head.set_exception(httpx.PoolTimeout(message, request=request))

        handle = self._event_loop.loop.call_later(seconds, look)
        sink.head.add_done_callback(lambda _head: handle.cancel())


class _Stream(httpx.AsyncByteStream):
    def __init__(self, sink: StreamSink, request: httpx.Request, feeding: asyncio.Task[None] | None) -> None:
        self._sink, self._request, self._feeding = sink, request, feeding

    async def __aiter__(self) -> AsyncIterator[bytes]:
        try:
            async for piece in self._sink.read():
                yield piece
        except IngestError as error:
            raise _as_httpx(error, self._request) from error

    async def aclose(self) -> None:
        self._sink.close()
        if self._feeding is not None:
            self._feeding.cancel()


class _OwnOriginAuth(httpx.Auth):
    """Wraps an `httpx.Auth` so that it does not authenticate to a different origin after a redirect."""

    def __init__(self, auth: httpx.Auth) -> None:
        self._auth = auth

    async def async_auth_flow(self, request: httpx.Request) -> Any:
        """Run the flow of the wrapped auth; end it at a 401 of a different origin."""
        flow = self._auth.async_auth_flow(request)
        try:
            sent = await anext(flow)
            while True:
                response = yield sent
                is_unauthorized = response.status_code == HTTPStatus.UNAUTHORIZED
                if is_unauthorized and origin_of(response.extensions["url"]) != origin_of(str(sent.url)):
                    return
                try:
                    sent = await flow.asend(response)
                except StopAsyncIteration:
                    return
        finally:
            await flow.aclose()


_NO_AUTH = httpx.Auth()


class _NoCookies(httpx.Cookies):
    """Cookie jar of httpx that ignores response cookies, since the transport keeps them."""

    def extract_cookies(self, response: httpx.Response) -> None:
        pass


class AsyncClient(httpx.AsyncClient):
    """The HTTP client that `Engine.client` returns; closing it cancels its requests, but keeps the engine's client."""

    def __init__(self, transport: Transport, user_agent: str, auth: Any) -> None:
        super().__init__(
            transport=transport,
            auth=auth,
            headers={"user-agent": user_agent},
            follow_redirects=False,
            trust_env=False,
            timeout=None,  # the limits of the source apply
        )

    @property
    def cookies(self) -> httpx.Cookies:
        """An empty jar; the transport keeps the cookies of servers."""
        return _NoCookies()

    @cookies.setter
    def cookies(self, cookies: Any) -> None:
        """Ignore assigned cookies; httpx assigns them when a client is created."""

    async def send(
        self,
        request: httpx.Request,
        *,
        stream: bool = False,
        auth: Any = httpx.USE_CLIENT_DEFAULT,
        follow_redirects: Any = httpx.USE_CLIENT_DEFAULT,  # noqa: ARG002  # the transport follows redirects
    ) -> httpx.Response:
        given = self.auth if auth is httpx.USE_CLIENT_DEFAULT else self._build_auth(auth)
        # Without an auth, httpx would replace an Authorization header with one from a user and password in the URL.
        own_auth = _NO_AUTH if given is None else _OwnOriginAuth(given)
        return await super().send(request, stream=stream, auth=own_auth, follow_redirects=False)


def _headers_of(received: Response, *, is_truncated: bool) -> list[tuple[bytes, bytes]]:
    """Header lines as pairs, repeated names included, without those that do not match the delivered body."""
    pairs = [line.partition(b":") for line in received.lines]
    headers = [(name.strip(), value.strip()) for name, colon, value in pairs if colon]
    is_decoded = any(name.lower() == _ENCODING for name, _ in headers)
    left_out = {_ENCODING, b"content-length"} if is_decoded or is_truncated else {_ENCODING}
    return [(name, value) for name, value in headers if name.lower() not in left_out]


def _as_httpx(error: IngestError, request: httpx.Request) -> httpx.RequestError:
    """The httpx exception for an error of the engine, with the engine's message."""
    kind = _ERRORS.get(type(error), httpx.TransportError)
    if isinstance(error, TransferTimeoutError):
        kind = httpx.ConnectTimeout if error.limit == "connect_timeout" else httpx.ReadTimeout
    return kind(str(error), request=request)


def _feeding_ended(task: "asyncio.Task[None]", sink: StreamSink) -> None:
    """Fail a request with the exception that its body stream raised."""
    if not task.cancelled() and (error := task.exception()) is not None and not sink.head.done():
        sink.head.set_exception(error)
