"""Addresses: which hosts may be asked. A URL that comes from outside must not reach into the network it is run in."""

import ipaddress
import socket

IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address

_UNICAST = ipaddress.IPv6Network("2000::/3")  # all that IANA hands out for the public internet (RFC 4291, 2.4)
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")  # RFC 6052: an IPv4 address in the last 32 bits
# RFC 3056: what counts is the IPv4 address that it carries; to some of the Pythons that we run on all of it is private.
_SIXTOFOUR = ipaddress.IPv6Network("2002::/16")
# Reserved, but public to some of the Pythons that we run on; Oracle's metadata service is in the first (RFC 6890).
# Azure keeps its own at an address of the public internet that only its machines can reach.
_NOT_PUBLIC = [ipaddress.ip_network(text) for text in ("192.0.0.0/24", "3fff::/20", "168.63.129.16/32")]
_LOCAL_NAMES = (".localhost", ".local", ".internal", ".home.arpa")  # RFC 6761, 6762, 8375 and ICANN's .internal


def is_public(address: str) -> bool:
    """Whether an address, as a socket names it, is one of the public internet.

    IPv6 forms that carry an IPv4 address (mapped, 6to4, Teredo, NAT64) are judged by what they carry too. Loopback,
    private, link-local (the metadata services of clouds), site-local, shared, multicast, reserved and unspecified
    addresses are not public, nor are those that nobody was given yet.

    Raises:
        ValueError: it is not an IP address.
    """
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address) and not (ip in _UNICAST or ip in _NAT64 or ip.ipv4_mapped):
        return False
    return all(_is_global(one) for one in (ip, *_carried(ip)))


def literal_address(host: str) -> str | None:
    """The address that a host is written as, also in the decimal, octal, hexadecimal and short forms that the C
    library takes (`2130706433`, `0177.1`, `0x7f.1`); `None` for a name.
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
    """Whether a name means this machine or its own network by definition, whatever a resolver says."""
    name = host.rstrip(".").lower()
    return name == "localhost" or name.endswith(_LOCAL_NAMES)


def refused_name(host: str) -> str | None:
    """Why a host is refused by its name alone: the private address that it is written as, or the local name that it is;
    `None` where nothing speaks against it, but for what it may resolve to.
    """
    literal = literal_address(host)
    if literal is not None:
        return None if is_public(literal) else literal
    return host if is_local_name(host) else None


def _is_global(ip: IpAddress) -> bool:
    is_global = ip.is_global or ip in _SIXTOFOUR
    return is_global and not ip.is_multicast and not any(ip in network for network in _NOT_PUBLIC)


def _carried(ip: IpAddress) -> list[IpAddress]:
    if isinstance(ip, ipaddress.IPv4Address):
        return []
    carried: list[IpAddress] = []
    if ip.ipv4_mapped:
        carried.append(ip.ipv4_mapped)
    if ip.sixtofour:
        carried.append(ip.sixtofour)
    if ip.teredo:
        carried.extend(ip.teredo)
    if ip in _NAT64:
        carried.append(ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF))
    return carried
