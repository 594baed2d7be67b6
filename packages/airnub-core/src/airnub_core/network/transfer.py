"""One transfer: a URL is asked once, and its bytes go where they belong, within every limit.

Retries are around this, durability and the index after it.
"""

import asyncio
import os
import re
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from http import HTTPStatus
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any, NoReturn

import httpx

from airnub_core.errors import (
    ConnectionFailedError,
    ContentEncodingError,
    HttpStatusError,
    ItemError,
    ProtocolError,
    RefusedUrlError,
    TlsError,
    TooLargeError,
    TooManyRedirectsError,
    TransferTimeoutError,
    TruncatedBodyError,
)
from airnub_core.network.backoff import parse_retry_after
from airnub_core.network.decoding import DecodingError, decoder_of
from airnub_core.network.headers import is_visible, length_in, sendable
from airnub_core.network.hosts import check_host, check_peer, checked_url, host_in, origin_of
from airnub_core.network.limits import MAX_INTERIM, MAX_REDIRECTS, REDIRECTS, too_many_interim
from airnub_core.network.settings import NetworkSettings
from airnub_core.network.ssrf import Allowed
from airnub_core.store.clock import elapsed
from airnub_core.store.staging import StagedBody

_HEAD_END = re.compile(rb"\n\r?\n")
Trace = Callable[[str, Mapping[str, Any]], Awaitable[None]]
"""httpcore's extension: is given what happens on the way to an answer, such as the stream of a new connection."""
_SENT = "airnub_sent"
"""Among the extensions of an answer: when its request was sent, by the clock `elapsed`."""


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked: `headers` are the source's own and go to no other origin; `validators` may be answered by 304."""

    url: str
    network: NetworkSettings
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    validators: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Received:
    """A whole answer: 200 with a body, or 304 without one. Header names are in lower case."""

    status: int
    final_url: str
    headers: Mapping[str, str]
    body: StagedBody | None
    sent: float
    """When the request was sent that it answers, by the clock `elapsed`."""


class HttpTransfer:
    """Transfers over httpx; connections are kept and shared, and belong to one event loop."""

    def __init__(self, user_agent: str) -> None:
        self._user_agent = user_agent
        self._clients: dict[Allowed, httpx.AsyncClient] = {}

    async def aclose(self) -> None:
        """Close all connections."""
        for client in self._clients.values():
            await client.aclose()

    async def fetch(self, request: Request, new_body: Callable[[], StagedBody]) -> Received:
        """Ask once.

        Args:
            request: what to ask.
            new_body: gives an empty body to write into; it is discarded again when the transfer fails.

        Raises:
            ItemError: the transfer failed; which says whether a retry may help.
            OSError: the body could not be written.
        """
        network = request.network
        try:
            async with asyncio.timeout(network.total_timeout):
                async with self._answer(request) as response:
                    return await self._receive(request, response, new_body)
        except TimeoutError as error:
            raise TransferTimeoutError(request.url, "total_timeout", network.total_timeout) from error
        except httpx.ConnectTimeout as error:
            raise TransferTimeoutError(request.url, "connect_timeout", network.connect_timeout) from error
        except httpx.TimeoutException as error:
            raise TransferTimeoutError(request.url, "stall_timeout", network.stall_timeout) from error
        except httpx.InvalidURL as error:
            raise RefusedUrlError(request.url, f"one that cannot be read ({error})") from error
        except ssl.SSLError as error:
            # Behind the handshake it comes through httpx as it is, and would be taken for an error of the disk.
            raise TlsError(request.url, str(error)) from error
        except httpx.TransportError as error:
            _raise_transport_error(request.url, error)

    @asynccontextmanager
    async def _answer(self, request: Request) -> AsyncIterator[httpx.Response]:
        """The first answer that is no redirect."""
        url, headers = checked_url(request.url, request.url), sendable(request.url, request.headers)
        # Some sites send a cookie along with a redirect and want to see it again; nobody else's request shows it.
        cookies = httpx.Cookies()
        for _ in range(MAX_REDIRECTS + 1):
            await check_host(request.url, url, request.network)
            async with self._stream(request, url, headers, cookies) as response:
                target = response.headers.get("location")
                if response.status_code not in REDIRECTS or target is None:
                    yield response
                    return
            before, url = url, checked_url(request.url, target, base=str(url))
            if origin_of(before) != origin_of(url):
                headers = {}
        raise TooManyRedirectsError(request.url, MAX_REDIRECTS)

    @asynccontextmanager
    async def _stream(
        self, request: Request, url: httpx.URL, headers: Mapping[str, str], cookies: httpx.Cookies
    ) -> AsyncIterator[httpx.Response]:
        network = request.network
        sent = {"user-agent": self._user_agent, "accept-encoding": "identity", **headers, **request.validators}
        timeout = httpx.Timeout(network.stall_timeout, connect=network.connect_timeout, pool=None)
        allowed = network.allow_private_hosts
        traces = [_interim_check(request.url), _peer_check(request.url, host_in(url), allowed)]

        async def trace(event: str, info: Mapping[str, Any]) -> None:
            for one in traces:
                await one(event, info)

        client = self._client(allowed)
        built = client.build_request("GET", url, headers=sent, timeout=timeout, extensions={"trace": trace})
        cookies.set_cookie_header(built)
        sent_when = _watch_sending(built)
        response = await client.send(built, stream=True)
        response.extensions[_SENT] = sent_when()
        try:
            _take_cookies(cookies, response)
            yield response
        finally:
            await response.aclose()

    def _client(self, allowed: Allowed) -> httpx.AsyncClient:
        # A pool each: a connection to a private host, opened for a source that may, must not serve one that may not.
        if allowed not in self._clients:
            # No connection is used twice: what comes behind the end of a body would be taken for the next answer.
            limits = httpx.Limits(max_connections=None, max_keepalive_connections=0)
            no_cookies = CookieJar(DefaultCookiePolicy(allowed_domains=()))
            trusted = _trusted(os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR"))
            self._clients[allowed] = httpx.AsyncClient(limits=limits, cookies=no_cookies, verify=trusted)
        return self._clients[allowed]

    async def _receive(
        self, request: Request, response: httpx.Response, new_body: Callable[[], StagedBody]
    ) -> Received:
        headers = {name.lower(): value for name, value in response.headers.items()}
        if response.status_code == HTTPStatus.NOT_MODIFIED and request.validators:
            return Received(response.status_code, str(response.url), headers, None, response.extensions[_SENT])
        if response.status_code != HTTPStatus.OK:
            wait = parse_retry_after(headers.get("retry-after"), datetime.now(UTC))
            raise HttpStatusError(request.url, response.status_code, wait)
        body = new_body()
        try:
            await _read(request, response, body)
        except BaseException:
            body.discard()
            raise
        return Received(response.status_code, str(response.url), headers, body, response.extensions[_SENT])


@cache
def _trusted(_file: str | None, _folder: str | None) -> ssl.SSLContext:
    """The certificates that are trusted, by the variables that name them: reading them takes longer than a transfer."""
    return httpx.create_ssl_context()


async def _read(request: Request, response: httpx.Response, body: StagedBody) -> None:
    limit = request.network.max_bytes
    expected = length_in(response.headers)
    if expected is not None and expected > limit:
        raise TooLargeError(request.url, limit)
    try:
        async for piece in _pieces(request, response):
            if body.size + len(piece) > limit:
                raise TooLargeError(request.url, limit)
            body.write(piece)
    except httpx.RemoteProtocolError as error:
        if "peer closed" not in str(error):
            raise ProtocolError(request.url, str(error)) from error
        raise TruncatedBodyError(request.url, expected, response.num_bytes_downloaded) from error
    except httpx.ReadError as error:
        raise TruncatedBodyError(request.url, expected, response.num_bytes_downloaded) from error


async def _pieces(request: Request, response: httpx.Response) -> AsyncIterator[bytes]:
    """The body as the server means it: a Content-Encoding that came although identity was asked for is decoded."""
    encoding = response.headers.get("content-encoding", "").strip().lower()
    try:
        decoder = decoder_of(encoding, response.url.path)
        async for chunk in response.aiter_raw():
            if decoder is None:
                yield chunk
                continue
            for piece in decoder.decode(chunk):
                yield piece
                # One chunk may become very many pieces; others, and the time limit, get their turn in between.
                await asyncio.sleep(0)
        if decoder is not None:
            decoder.end()
    except DecodingError as error:
        raise ContentEncodingError(request.url, encoding) from error


def _take_cookies(cookies: httpx.Cookies, response: httpx.Response) -> None:
    """Remember the cookies that an answer sets, but for those that could not be sent back."""
    cookies.extract_cookies(response)
    for cookie in list(cookies.jar):
        if not is_visible(cookie.name + (cookie.value or "")):
            cookies.jar.clear(cookie.domain, cookie.path, cookie.name)


def _interim_check(asked: str) -> Trace:
    """Count interim answers (1xx), which httpcore reads for as long as they come, and stop after `MAX_INTERIM`."""
    has_answer, interim, last = False, 0, b""

    def counted(read: Callable[..., Awaitable[bytes]]) -> Callable[..., Awaitable[bytes]]:
        async def read_on(*arguments: Any, **options: Any) -> bytes:
            nonlocal interim, last
            # More is read only until the answer has come: the heads that ended before are interim ones.
            if not has_answer and interim > MAX_INTERIM:
                raise too_many_interim(asked, interim)
            piece = await read(*arguments, **options)
            if not has_answer:
                *_, rest = heads = _HEAD_END.split(last + piece)
                interim += len(heads) - 1
                last = rest[-2:]
            return piece

        return read_on

    async def trace(event: str, info: Mapping[str, Any]) -> None:
        nonlocal has_answer, interim, last
        if event.endswith((".connect_tcp.complete", ".start_tls.complete")):
            # A proxy has answered before TLS begins.
            has_answer, interim, last = False, 0, b""
            stream = info["return_value"]
            stream.read = counted(stream.read)
        elif event.endswith(".receive_response_headers.complete"):
            has_answer = True

    return trace


def _peer_check(asked: str, host: str, allowed: Allowed) -> Trace:
    direct = False

    async def trace(event: str, info: Mapping[str, Any]) -> None:
        """Refuse the address that is really connected to, before a byte is sent to it; a proxy's is its own affair."""
        nonlocal direct
        if event == "connection.connect_tcp.started":
            direct = info["host"] == host
        if event != "connection.connect_tcp.complete" or not direct:
            return
        stream = info["return_value"]
        try:
            check_peer(asked, host, stream.get_extra_info("server_addr"), allowed)
        except ItemError:
            await stream.aclose()
            raise

    return trace


def _watch_sending(request: httpx.Request) -> Callable[[], float]:
    """Notes when a request is sent, by the clock `elapsed`: the function that is returned says it afterwards."""
    sent = elapsed()
    further = request.extensions.get("trace")

    async def trace(event: str, info: Mapping[str, Any]) -> None:
        nonlocal sent
        # Connecting, which may take seconds, is over.
        if event.endswith(".send_request_headers.started"):
            sent = elapsed()
        if further is not None:
            await further(event, info)

    request.extensions["trace"] = trace
    return lambda: sent


def _causes(error: BaseException) -> Iterator[BaseException]:
    """An error and what it comes from, down to the system's own word; of several attempts the first."""
    cause: BaseException | None = error
    while cause is not None:
        yield cause
        cause = cause.exceptions[0] if isinstance(cause, BaseExceptionGroup) else cause.__cause__ or cause.__context__


def _raise_transport_error(url: str, error: httpx.TransportError) -> NoReturn:
    reason = str(error) or type(error).__name__
    for cause in _causes(error):
        if isinstance(cause, ssl.SSLError):
            raise TlsError(url, str(cause)) from error
        if isinstance(cause, OSError) and cause.strerror:
            # asyncio words a refused connection in its own way; names that do not resolve have numbers below 0.
            reason = os.strerror(cause.errno) if cause.errno and cause.errno > 0 else cause.strerror
    if "location header" in reason:
        raise RefusedUrlError(url, f"a redirect that cannot be read ({reason})") from error
    if isinstance(error, httpx.RemoteProtocolError) and "disconnected" not in reason:
        raise ProtocolError(url, reason) from error
    raise ConnectionFailedError(url, reason) from error
