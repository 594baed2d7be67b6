"""Hosts: whether a host may be asked, by its name, by what it resolves to, and by what is connected to at last."""

import asyncio
import socket
from urllib.parse import urljoin, urlsplit

import httpx

from airnub_common import redact_url
from airnub_core.errors import ConnectionFailedError, RefusedUrlError, TransferTimeoutError
from airnub_core.network.addresses import HOST_NAME, literal_address
from airnub_core.network.proxies import proxies_of_environment
from airnub_core.network.settings import NetworkSettings
from airnub_core.network.ssrf import Allowed, may_connect, refusal, refused_host
from airnub_core.network.targets import WITH_PORT, has_usable_port


async def check_host(asked: str, url: httpx.URL, network: NetworkSettings) -> None:
    """Refuse a host that `allow_private_hosts` does not allow, before anything is sent.

    Every address that it resolves to has to be allowed. Behind a proxy the host alone is judged: resolving it is the
    proxy's business.

    Args:
        asked: what was asked for, for the error.
        url: what is to be asked for it; a different one after a redirect.
        network: which private hosts are allowed.

    Raises:
        RefusedAddressError: the source does not allow the host, or no source may.
        ConnectionFailedError, TransferTimeoutError: it cannot be resolved now.
    """
    host, allowed = host_in(url), network.allow_private_hosts
    is_resolved_here = proxies_of_environment()(url.scheme, host) is None
    if (refused := refused_host(host, allowed, is_resolved_here=is_resolved_here)) is not None:
        raise refusal(asked, host, refused, allowed)
    if literal_address(host) is not None or not is_resolved_here:
        return
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(network.connect_timeout):
            answers = await loop.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except TimeoutError as error:
        raise TransferTimeoutError(asked, "connect_timeout", network.connect_timeout) from error
    except OSError as error:
        raise ConnectionFailedError(asked, f"{host} cannot be resolved ({error})") from error
    for *_, address in answers:
        if not may_connect(host, str(address[0]), allowed):
            raise refusal(asked, host, str(address[0]), allowed)


def check_peer(asked: str, host: str, peer: object, allowed: Allowed) -> None:
    """Refuse the address of a socket that is connected: a name may resolve differently from one moment to the next.

    Raises:
        RefusedAddressError: the source does not allow it for this host, or it is not known.
    """
    address = str(peer[0]) if isinstance(peer, tuple) and peer else str(peer)
    if not may_connect(host, address, allowed):
        raise refusal(asked, host, address, allowed)


def host_in(url: httpx.URL) -> str:
    """The host as the connection will be made to it: parsers disagree about odd URLs, so it is httpx's own reading."""
    return url.raw_host.decode("ascii")


def may_be_host(host: str) -> bool:
    """Whether it is an address, or a name that a resolver can know."""
    return literal_address(host) is not None or HOST_NAME.fullmatch(host) is not None


def origin_of(url: str | httpx.URL) -> tuple[str, str, int | None]:
    """Scheme, host and port: who may see the headers of a source. A URL that cannot be read is an origin of its own."""
    try:
        parsed = httpx.URL(url)
    except (httpx.InvalidURL, ValueError):
        return "", str(url), None
    return parsed.scheme, host_in(parsed), parsed.port


def checked_url(asked: str, url: str, base: str = "") -> httpx.URL:
    """A URL that may be asked for, seen from `base`; `asked` is what an error names.

    Raises:
        RefusedUrlError: it cannot be read, is not an http or https URL with a host, or its port cannot be used.
    """
    try:
        absolute = urljoin(base, url)
        parts = urlsplit(absolute)
        if parts.scheme in {"http", "https"} and not has_usable_port(parts):
            raise RefusedUrlError(asked, repr(redact_url(absolute)), WITH_PORT)
        parsed = httpx.URL(absolute)
    except (httpx.InvalidURL, ValueError) as error:
        raise RefusedUrlError(asked, f"one that cannot be read ({error})") from error
    if parsed.scheme not in {"http", "https"} or not may_be_host(host_in(parsed)):
        raise RefusedUrlError(asked, repr(redact_url(str(parsed))))
    return parsed
