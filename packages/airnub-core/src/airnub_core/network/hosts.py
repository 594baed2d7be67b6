"""Hosts: whether a host may be asked, by its name, by what it resolves to, and by what is connected to at last."""

import asyncio
import re
import socket
from urllib.parse import urljoin, urlsplit

import httpx

from airnub_common import redact_url
from airnub_core.errors import ConnectionFailedError, RefusedAddressError, RefusedUrlError, TransferTimeoutError
from airnub_core.network.addresses import is_public, literal_address, refused_name
from airnub_core.network.proxies import proxies_of_environment
from airnub_core.network.settings import NetworkSettings
from airnub_core.network.targets import WITH_PORT, has_usable_port

_NAME = re.compile(r"(?=.{1,254}$)([a-z0-9_-]{1,63}\.)*[a-z0-9_-]{1,63}\.?")  # RFC 1035, 2.3.4; underscores are about


async def check_host(asked: str, url: httpx.URL, network: NetworkSettings) -> None:
    """Refuse a host that is not public, before anything is sent.

    Behind a proxy only the name is judged: resolving it is the proxy's business.

    Args:
        asked: what was asked for, for the error.
        url: what is to be asked for it; another one after a redirect.
        network: whether private hosts are allowed.

    Raises:
        RefusedAddressError: the host is private, and the source does not allow that.
        ConnectionFailedError, TransferTimeoutError: it cannot be resolved now.
    """
    if network.allow_private_hosts:
        return
    host = host_in(url)
    if (refused := refused_name(host)) is not None:
        raise RefusedAddressError(asked, host, refused)
    if literal_address(host) is not None or proxies_of_environment()(url.scheme, host) is not None:
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
        if not is_public(str(address[0])):
            raise RefusedAddressError(asked, host, str(address[0]))


def check_peer(url: str, peer: object) -> None:
    """Refuse the address of a socket that is connected: a name may resolve differently from one moment to the next.

    Raises:
        RefusedAddressError: it is not public, or nobody knows what it is.
    """
    address = str(peer[0]) if isinstance(peer, tuple) and peer else str(peer)
    try:
        public = is_public(address)
    except ValueError:
        public = False
    if not public:
        raise RefusedAddressError(url, address, address)


def host_in(url: httpx.URL) -> str:
    """The host as the connection will be made to it: parsers disagree about odd URLs, so it is httpx's own reading."""
    return url.raw_host.decode("ascii")


def may_be_host(host: str) -> bool:
    """Whether it is an address, or a name that a resolver can know."""
    return literal_address(host) is not None or _NAME.fullmatch(host) is not None


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
