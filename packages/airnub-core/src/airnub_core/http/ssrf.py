"""SSRF protection: which hosts and addresses `allow_private_hosts` allows. One decision for both clients.

URLs come from outside too: redirects, cursors of an API, links on a page, sitemaps, and whatever a resolver answers.
Each host is judged before it is resolved, and each address before, or as soon as, it is connected to:

| `allow_private_hosts` | may be asked, beside public addresses |
|---|---|
| `false` | nothing |
| `true` | loopback and private addresses |
| a list | loopback and private addresses behind the host names in it, and every address of the networks in it |

The port is of no account. A host that is reached by a redirect, a cursor or a link is judged as the first one. Metadata
services of clouds are never asked: `true`, a name that resolves to one and a network around one do not allow them.
"""

import ipaddress
from functools import lru_cache

from airnub_core.errors import RefusedAddressError
from airnub_core.http.addresses import (
    HOST_NAME,
    IpAddress,
    ip_of,
    is_local_name,
    is_metadata,
    is_metadata_name,
    is_private,
    is_public,
    literal_address,
)

Allowed = bool | tuple[str, ...]
"""The value of `allow_private_hosts`, its entries as `checked_entry` returns them; plain, for it crosses processes."""

_Network = ipaddress.IPv4Network | ipaddress.IPv6Network
_CACHED = 4096
"""Decisions that are kept: one is asked for at every request and at every connection."""
_EXPECTED = "expected a host name or a network such as intranet.example.org or 10.0.0.0/8"


def checked_entry(entry: str) -> str:
    """An entry of the list as it is compared: a host name in lower case, an address, or a network.

    Raises:
        ValueError: it is not one of these, or a metadata service, which an entry cannot allow.
    """
    text = entry.strip()
    if "://" in text:
        raise ValueError(f"{_EXPECTED}, without scheme and path")
    if "*" in text:
        raise ValueError(f"{_EXPECTED}; there are no wildcards, list each host")
    if "/" in text:
        return _checked_network(text)
    if text.startswith("["):
        raise ValueError(f"{_EXPECTED}; an IPv6 address without brackets and port")
    if text.count(":") == 1:
        raise ValueError(f"{_EXPECTED}, without a port: every port of it may be asked")
    try:
        ip = ipaddress.ip_address(text)
    except ValueError:
        return _checked_name(text)
    return _checked_address(ip)


@lru_cache(_CACHED)
def refused_host(host: str, allowed: Allowed, *, is_resolved_here: bool) -> str | None:
    """What a host is refused for before it is resolved: the address that it is written as, or its name.

    `None` where nothing speaks against it, except for what it may resolve to.

    Args:
        host: as the connection will be made to it.
        allowed: the setting.
        is_resolved_here: whether its addresses are judged later; those behind a proxy are not.
    """
    literal = literal_address(host)
    if literal is not None:
        return None if may_connect(host, literal, allowed) else literal
    if is_metadata_name(host):
        return host
    if allowed is True or not is_local_name(host):
        return None
    names, networks = _parsed(allowed)
    is_judged_later = is_resolved_here and bool(networks)
    return None if _normal(host) in names or is_judged_later else host


@lru_cache(_CACHED)
def may_connect(host: str, address: str, allowed: Allowed) -> bool:
    """Whether a host may be asked at one of its addresses.

    Args:
        host: the name that was resolved, or the address that was asked for.
        address: as a socket names it; what is not an IP address is refused.
        allowed: the setting.
    """
    try:
        ip = ip_of(address)
    except ValueError:
        return False
    if is_metadata(ip):
        return False
    if is_public(address):
        return True
    if isinstance(allowed, bool):
        return allowed and is_private(ip)
    names, networks = _parsed(allowed)
    return any(ip in network for network in networks) or (_normal(host) in names and is_private(ip))


def refusal(url: str, host: str, address: str, allowed: Allowed) -> RefusedAddressError:
    """The error for a host that is refused, with what to do if it is meant.

    Args:
        url: what was asked for.
        host: the host that it leads to.
        address: what it is refused for: an address, or the host itself.
        allowed: the setting.
    """
    try:
        ip: IpAddress | None = ip_of(address)
    except ValueError:
        ip = None
    if is_metadata_name(host) or (ip is not None and is_metadata(ip)):
        remedy = "It is the metadata service of a cloud, which is never asked, whatever allow_private_hosts says"
    elif allowed is True:
        remedy = (
            "allow_private_hosts: true covers loopback and private addresses alone. "
            f"If this one is meant, set a list of all that may be asked, with {address}"
        )
    else:
        # A name covers what `true` covers; link-local and reserved addresses are listed as such.
        entry = host if literal_address(host) is None and (ip is None or is_private(ip)) else address
        how = f"add {entry} to allow_private_hosts" if allowed else f"set allow_private_hosts: [{entry}]"
        remedy = f"If this host is meant, {how} for the source"
    return RefusedAddressError(url, host, address, remedy)


@lru_cache(_CACHED)
def _parsed(allowed: Allowed) -> tuple[frozenset[str], tuple[_Network, ...]]:
    """The host names and the networks of a list."""
    names: set[str] = set()
    networks: list[_Network] = []
    for entry in allowed if isinstance(allowed, tuple) else ():
        try:
            networks.append(ipaddress.ip_network(entry))
        except ValueError:
            names.add(entry)
    return frozenset(names), tuple(networks)


def _normal(host: str) -> str:
    return host.rstrip(".").lower()


def _checked_network(text: str) -> str:
    address, _, prefix = text.partition("/")
    if not (prefix.isascii() and prefix.isdigit()):
        raise ValueError(f"{_EXPECTED}, with the length of its prefix behind `/`")
    try:
        network = ipaddress.ip_network(text, strict=False)
    except ValueError:
        raise ValueError(f"{_EXPECTED}, an IPv4 or IPv6 network") from None
    if ipaddress.ip_address(address) != network.network_address:
        raise ValueError(f"{_EXPECTED}, without bits behind its prefix: {network}")
    if network.num_addresses == 1:
        _checked_address(network.network_address)
    _check_mapped(network.network_address)
    return str(network)


def _checked_address(ip: IpAddress) -> str:
    if isinstance(ip, ipaddress.IPv6Address) and ip.scope_id is not None:
        raise ValueError(f"{_EXPECTED}; an IPv6 address without `%` and a zone")
    _check_mapped(ip)
    if is_metadata(ip):
        raise ValueError(f"{_EXPECTED}; a metadata service is never asked, and cannot be listed")
    return str(ip)


def _check_mapped(ip: IpAddress) -> None:
    if isinstance(ip, ipaddress.IPv6Address) and ip.ipv4_mapped is not None:
        raise ValueError(f"{_EXPECTED}; an IPv4 address or network as such, not in its IPv6 form")


def _checked_name(text: str) -> str:
    name = _normal(text)
    if not name.isascii():
        name = _normal(_in_ascii(name))
    literal = literal_address(name)
    if literal is not None:
        raise ValueError(f"{_EXPECTED}; write {literal}")
    if not HOST_NAME.fullmatch(name):
        raise ValueError(_EXPECTED)
    if is_metadata_name(name):
        raise ValueError(f"{_EXPECTED}; a metadata service is never asked, and cannot be listed")
    return name


def _in_ascii(name: str) -> str:
    """A name in other letters as resolvers know it (IDNA, UTS 46), in the reading of URLs."""
    from ada_url import URL  # few names need it

    try:
        return str(URL(f"http://{name}/").hostname)
    except ValueError:
        raise ValueError(_EXPECTED) from None
