"""SSRF protection: which hosts and addresses are refused, by `allow_private_hosts`; `url` refuses URLs by their form.

URLs also come from untrusted sources: redirects, cursors of an API, links on a page, sitemaps, and DNS responses.
Each host is checked before it is resolved, and each address before, or as soon as, it is connected to. A proxy resolves
names itself, so behind one only the host as written is checked.

| `allow_private_hosts` | allowed in addition to public addresses |
|---|---|
| `false` | nothing |
| `true` | loopback and private addresses |
| a list | loopback and private addresses of the host names in it, and every address of the networks in it |

Names of local networks (`localhost`, `.local`, `.internal` and others) are private, whatever they resolve to; only if
the list has a network do their addresses decide. The port does not matter. Hosts reached by a redirect, a cursor or a
link are checked like the first one. Metadata services of clouds are always blocked: neither `true` nor a network that
contains one allows them, nor, without a proxy, a name that resolves to one.
"""

import ipaddress
import socket
from functools import lru_cache

from airnub_core.errors import RefusedAddressError

Allowed = bool | tuple[str, ...]
"""The validated value of `allow_private_hosts`; a plain value, since it is sent between processes."""

IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
_Network = ipaddress.IPv4Network | ipaddress.IPv6Network
_CACHED = 4096
"""Number of cached decisions; one is needed at every request and every connection."""
_UNICAST = ipaddress.IPv6Network("2000::/3")  # global unicast, all that IANA assigns (RFC 4291, 2.4)
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")  # RFC 6052: an IPv4 address in the last 32 bits
# 6to4 (RFC 3056): the embedded IPv4 address decides; some supported Python versions call the whole network private.
_SIXTOFOUR = ipaddress.IPv6Network("2002::/16")
# Reserved networks that some supported Python versions call global; Oracle's metadata service is in the first
# (RFC 6890). Azure's metadata service has an address of the public internet that only its own machines can reach.
_NOT_PUBLIC = [ipaddress.ip_network(text) for text in ("192.0.0.0/24", "3fff::/20", "168.63.129.16/32")]
# Loopback, and unspecified addresses, which Linux connects to loopback; private (RFC 1918, RFC 4193); shared by the
# customers of a provider or the machines of an overlay network (RFC 6598). Not link-local or reserved addresses.
_PRIVATE = [
    ipaddress.ip_network(text)
    for text in (
        "127.0.0.0/8", "0.0.0.0/32", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10",
        "::1/128", "::/128", "fc00::/7",
    )
]  # fmt: skip
# Metadata services, which return credentials of the machine, from the documentation of the clouds: Amazon, Google,
# Azure and others; Amazon for containers and for pods; Azure's WireServer; Alibaba; Oracle's first; Scaleway; Tencent.
_METADATA = frozenset(
    ipaddress.ip_address(text)
    for text in (
        "169.254.169.254", "169.254.170.2", "169.254.170.23", "168.63.129.16", "100.100.100.200", "192.0.0.192",
        "169.254.42.42", "169.254.0.23", "fd00:ec2::254", "fd00:ec2::23", "fd20:ce::254", "fd00:42::42",
    )
)  # fmt: skip
_METADATA_NAMES = frozenset({"metadata.google.internal", "metadata.goog", "instance-data.ec2.internal"})
_LOCAL_NAT64 = ipaddress.IPv6Network("64:ff9b:1::/48")  # RFC 8215
_EMBEDDED = (48, 56, 64)
"""Lengths of NAT64 prefixes with which the IPv4 address is not in the last 32 bits (RFC 6052, 2.2)."""
_LOCAL_NAMES = (".localhost", ".local", ".internal", ".home.arpa")  # RFC 6761, 6762, 8375 and ICANN's .internal


@lru_cache(_CACHED)
def refused_host(host: str, allowed: Allowed, *, is_resolved_here: bool) -> str | None:
    """The reason to block a host before it is resolved: the address that it is written as, or its name.

    `None` if the host is allowed so far; the addresses that it resolves to are checked by `may_connect`.

    Args:
        host: the host that the connection is made to.
        allowed: the value of `allow_private_hosts`.
        is_resolved_here: whether its addresses are checked later; with a proxy, which resolves them, they are not.
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
    return None if normal_name(host) in names or is_judged_later else host


@lru_cache(_CACHED)
def may_connect(host: str, address: str, allowed: Allowed) -> bool:
    """Whether a connection to an address of a host is allowed.

    Args:
        host: the name that was resolved, or the address in the URL.
        address: the address as a socket formats it; anything that is not an IP address is blocked.
        allowed: the value of `allow_private_hosts`.
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
    return any(ip in network for network in networks) or (normal_name(host) in names and is_private(ip))


def refusal(url: str, host: str, address: str, allowed: Allowed) -> RefusedAddressError:
    """The error for a blocked host, with how to allow it.

    Args:
        url: the requested URL.
        host: the host of the URL, or of a redirect from it.
        address: the blocked address, or the host itself.
        allowed: the value of `allow_private_hosts`.
    """
    try:
        ip: IpAddress | None = ip_of(address)
    except ValueError:
        ip = None
    if is_metadata_name(host) or (ip is not None and is_metadata(ip)):
        remedy = "It is the metadata service of a cloud, which is always blocked; allow_private_hosts cannot allow it"
    elif allowed is True:
        remedy = (
            "allow_private_hosts: true allows loopback and private addresses only. "
            f"To allow this one, set a list of all allowed hosts, with {address}"
        )
    else:
        # A listed name allows the same addresses as `true`; link-local and reserved ones must be listed themselves.
        entry = host if literal_address(host) is None and (ip is None or is_private(ip)) else address
        how = f"add {entry} to allow_private_hosts" if allowed else f"set allow_private_hosts: [{entry}]"
        remedy = f"To allow it, {how} for the source"
    return RefusedAddressError(url, host, address, remedy)


@lru_cache(_CACHED)
def _parsed(allowed: Allowed) -> tuple[frozenset[str], tuple[_Network, ...]]:
    """Split a list of `allow_private_hosts` into host names and networks."""
    names: set[str] = set()
    networks: list[_Network] = []
    for entry in allowed if isinstance(allowed, tuple) else ():
        try:
            networks.append(ipaddress.ip_network(entry))
        except ValueError:
            names.add(entry)
    return frozenset(names), tuple(networks)


def normal_name(host: str) -> str:
    """A host name normalized for comparison."""
    return host.rstrip(".").lower()


def is_public(address: str) -> bool:
    """Whether an address, as a socket formats it, is on the public internet.

    An IPv6 address that embeds an IPv4 address (mapped, 6to4, Teredo, NAT64) is public only if that is public too.
    Loopback, private, link-local (the metadata services of clouds), site-local, shared, multicast, reserved,
    unspecified and unassigned addresses are not public.

    Raises:
        ValueError: it is not an IP address.
    """
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address) and not (ip in _UNICAST or ip in _NAT64 or ip.ipv4_mapped):
        return False
    return all(_is_global(one) for one in (ip, *_carried(ip)))


def literal_address(host: str) -> str | None:
    """The address of a host written as an IP address, `None` for a name.

    The forms that the C library accepts (`2130706433`, `0177.1`, `0x7f.1`) are recognized too.
    """
    bare = host.strip("[]").partition("%")[0].rstrip(".")
    try:
        return str(ipaddress.ip_address(bare))
    except ValueError:
        pass
    try:
        return socket.inet_ntoa(socket.inet_aton(bare)) if bare and " " not in bare else None
    except (OSError, ValueError):
        return None


def is_local_name(host: str) -> bool:
    """Whether a name is reserved for this machine or its local network, regardless of DNS."""
    name = host.rstrip(".").lower()
    return name == "localhost" or name.endswith(_LOCAL_NAMES)


def ip_of(address: str) -> IpAddress:
    """Parse an address as a socket formats it, without its zone; an IPv4-mapped IPv6 address becomes the IPv4 address.

    Raises:
        ValueError: it is not an IP address.
    """
    ip = ipaddress.ip_address(address.partition("%")[0])
    return ip.ipv4_mapped or ip if isinstance(ip, ipaddress.IPv6Address) else ip


def is_private(ip: IpAddress) -> bool:
    """Whether an address is of this machine or of a private network: loopback, private, unique local or shared."""
    return any(ip in network for network in _PRIVATE)


def is_metadata(ip: IpAddress) -> bool:
    """Whether an address is a cloud's metadata service, or an IPv6 address that embeds the address of one.

    Most forms have the IPv4 address in the last 32 bits: mapped, compatible, translated, NAT64 with any prefix of 96
    bits, ISATAP. From 6to4, Teredo and the other forms of NAT64 it is extracted.
    """
    if ip in _METADATA:
        return True
    return isinstance(ip, ipaddress.IPv6Address) and not _METADATA.isdisjoint(_embedded(ip))


def is_metadata_name(host: str) -> bool:
    """Whether a name is documented as a cloud's metadata service; other names are blocked by their address."""
    return host.rstrip(".").lower() in _METADATA_NAMES


def _is_global(ip: IpAddress) -> bool:
    is_global = ip.is_global or ip in _SIXTOFOUR
    return is_global and not ip.is_multicast and not any(ip in network for network in _NOT_PUBLIC)


def _carried(ip: IpAddress) -> list[IpAddress]:
    """The IPv4 addresses that an IPv6 address embeds according to its form."""
    if isinstance(ip, ipaddress.IPv4Address):
        return []
    last_bits = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
    known = [ip.ipv4_mapped, ip.sixtofour, *(ip.teredo or ()), last_bits if ip in _NAT64 else None]
    return [one for one in known if one is not None]


def _embedded(ip: ipaddress.IPv6Address) -> list[IpAddress]:
    """All IPv4 addresses that an IPv6 address may embed."""
    embedded = [ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF), *_carried(ip)]
    if ip in _LOCAL_NAT64:
        bits = f"{int(ip):0128b}"
        bits = bits[:64] + bits[72:]  # bits 64 to 71 are not part of the IPv4 address
        embedded.extend(ipaddress.IPv4Address(int(bits[prefix : prefix + 32], 2)) for prefix in _EMBEDDED)
    return embedded
