"""One transfer: a URL is asked once, and its bytes go where they belong, within every limit.

Retries are around this, durability and the index after it.
"""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http import HTTPStatus
from types import TracebackType
from typing import Any, NoReturn, Self
from urllib.parse import urljoin, urlsplit

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
from airnub_core.network.hosts import check_host, check_peer, is_proxied
from airnub_core.network.retries import parse_retry_after
from airnub_core.network.settings import NetworkSettings
from airnub_core.store.staging import StagedBody

MAX_REDIRECTS = 5

_DECODED = {"", "identity", "gzip", "deflate", "br", "zstd"}
_GZIP_FILES = (".gz", ".tgz")
_REDIRECTS = {301, 302, 303, 307, 308}


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


class HttpTransfer:
    """Transfers over httpx; connections are kept and shared, and belong to one event loop."""

    def __init__(self, user_agent: str) -> None:
        self._user_agent = user_agent
        self._clients: dict[bool, httpx.AsyncClient] = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
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
        except (httpx.InvalidURL, httpx.UnsupportedProtocol) as error:
            raise RefusedUrlError(request.url, str(error)) from error
        except httpx.TransportError as error:
            _raise_transport_error(request.url, error)

    @asynccontextmanager
    async def _answer(self, request: Request) -> AsyncIterator[httpx.Response]:
        """The first answer that is no redirect."""
        url, headers = request.url, dict(request.headers)
        for _ in range(MAX_REDIRECTS + 1):
            host = _checked(request.url, url)
            await check_host(request.url, host, request.network)
            async with self._stream(request, url, headers) as response:
                target = response.headers.get("location")
                if response.status_code not in _REDIRECTS or target is None:
                    yield response
                    return
            before, url = url, urljoin(url, target)
            if _origin(before) != _origin(url):
                headers = {}
        raise TooManyRedirectsError(request.url, MAX_REDIRECTS)

    @asynccontextmanager
    async def _stream(self, request: Request, url: str, headers: Mapping[str, str]) -> AsyncIterator[httpx.Response]:
        network = request.network
        sent = {"user-agent": self._user_agent, "accept-encoding": "identity", **headers, **request.validators}
        timeout = httpx.Timeout(network.stall_timeout, connect=network.connect_timeout, pool=None)
        extensions: dict[str, Any] = {}
        if not network.allow_private_hosts and not is_proxied(url):
            extensions["trace"] = _peer_check(request.url)
        client = self._client(private=network.allow_private_hosts)
        built = client.build_request("GET", url, headers=sent, timeout=timeout, extensions=extensions)
        response = await client.send(built, stream=True)
        try:
            yield response
        finally:
            await response.aclose()

    def _client(self, *, private: bool) -> httpx.AsyncClient:
        # Two pools: a connection to a private host, opened for a source that may, must not serve one that may not.
        if private not in self._clients:
            limits = httpx.Limits(max_connections=None, max_keepalive_connections=128, keepalive_expiry=15)
            self._clients[private] = httpx.AsyncClient(limits=limits)
        return self._clients[private]

    async def _receive(
        self, request: Request, response: httpx.Response, new_body: Callable[[], StagedBody]
    ) -> Received:
        headers = {name.lower(): value for name, value in response.headers.items()}
        if response.status_code == HTTPStatus.NOT_MODIFIED and request.validators:
            return Received(response.status_code, str(response.url), headers, None)
        if response.status_code != HTTPStatus.OK:
            wait = parse_retry_after(headers.get("retry-after"), datetime.now(UTC))
            raise HttpStatusError(request.url, response.status_code, wait)
        body = new_body()
        try:
            await _read(request, response, body)
        except BaseException:
            body.discard()
            raise
        return Received(response.status_code, str(response.url), headers, body)


async def _read(request: Request, response: httpx.Response, body: StagedBody) -> None:
    limit = request.network.max_bytes
    promised = response.headers.get("content-length", "")
    expected = int(promised) if promised.isascii() and promised.isdigit() else None
    chunks = _chunks(request, response)
    if expected is not None and expected > limit:
        raise TooLargeError(request.url, limit)
    try:
        async for chunk in chunks:
            if body.size + len(chunk) > limit:
                raise TooLargeError(request.url, limit)
            body.write(chunk)
    except httpx.DecodingError as error:
        raise ContentEncodingError(request.url, response.headers["content-encoding"]) from error
    except (httpx.RemoteProtocolError, httpx.ReadError) as error:
        raise TruncatedBodyError(request.url, expected, response.num_bytes_downloaded) from error


def _chunks(request: Request, response: httpx.Response) -> AsyncIterator[bytes]:
    """The body as the server means it: a Content-Encoding that came although identity was asked for is decoded."""
    encoding = response.headers.get("content-encoding", "").strip().lower()
    if encoding in {"gzip", "x-gzip"} and urlsplit(str(response.url)).path.lower().endswith(_GZIP_FILES):
        return response.aiter_raw()
    if not {token.strip() for token in encoding.split(",")} <= _DECODED:
        raise ContentEncodingError(request.url, encoding)
    return response.aiter_bytes()


def _checked(asked: str, url: str) -> str:
    """The host of a URL that may be asked for; `asked` is what an error names."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        raise RefusedUrlError(asked, str(error)) from error
    if parts.scheme.lower() not in {"http", "https"} or not host:
        raise RefusedUrlError(asked, f"{url!r}")
    return host


def _origin(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    return parts.scheme, parts.netloc.rpartition("@")[2].lower()


def _peer_check(asked: str) -> Callable[[str, Mapping[str, Any]], Awaitable[None]]:
    async def trace(event: str, info: Mapping[str, Any]) -> None:
        """Refuse the address that is really connected to, before a byte is sent to it."""
        if event != "connection.connect_tcp.complete":
            return
        stream = info["return_value"]
        try:
            check_peer(asked, stream.get_extra_info("server_addr"))
        except ItemError:
            await stream.aclose()
            raise

    return trace


def _raise_transport_error(url: str, error: httpx.TransportError) -> NoReturn:
    reason = str(error) or type(error).__name__
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLError):
            raise TlsError(url, str(cause)) from error
        cause = cause.__cause__ or cause.__context__
    if isinstance(error, httpx.RemoteProtocolError) and "disconnected" not in reason:
        raise ProtocolError(url, reason) from error
    raise ConnectionFailedError(url, reason) from error
