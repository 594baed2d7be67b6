"""Hosts: whether a host may be asked, by its name, by what it resolves to, and by what is connected to at last."""

import asyncio
import socket
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from airnub_core.errors import ConnectionFailedError, RefusedAddressError
from airnub_core.network.addresses import is_local_name, is_public, literal_address
from airnub_core.network.settings import NetworkSettings


async def check_host(url: str, host: str, network: NetworkSettings) -> None:
    """Refuse a host that is not public, before anything is sent.

    Behind a proxy only the name is judged: resolving it is the proxy's business.

    Args:
        url: what was asked for, for the error.
        host: to be asked for it; another one than the URL's after a redirect.
        network: whether private hosts are allowed.

    Raises:
        RefusedAddressError: the host is private, and the source does not allow that.
        ConnectionFailedError: the name cannot be resolved.
    """
    if network.allow_private_hosts:
        return
    literal = literal_address(host)
    if literal is not None:
        if not is_public(literal):
            raise RefusedAddressError(url, host, literal)
        return
    if is_local_name(host):
        raise RefusedAddressError(url, host, host)
    if is_proxied(url):
        return
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(network.connect_timeout):
            answers = await loop.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise ConnectionFailedError(url, f"{host} cannot be resolved ({error})") from error
    for *_, address in answers:
        if not is_public(str(address[0])):
            raise RefusedAddressError(url, host, str(address[0]))


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


def is_proxied(url: str) -> bool:
    """Whether the environment names a proxy for this URL."""
    parts = urlsplit(url)
    proxies = getproxies()
    return bool(proxies.get(parts.scheme) or proxies.get("all")) and not proxy_bypass(parts.hostname or "")
