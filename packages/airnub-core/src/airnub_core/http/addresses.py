"""Addresses: what kind of address or name a host is. Which of them may be asked is decided in `ssrf`."""

import ipaddress
import re
import socket

IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address

_UNICAST = ipaddress.IPv6Network("2000::/3")  # all that IANA hands out for the public internet (RFC 4291, 2.4)
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")  # RFC 6052: an IPv4 address in the last 32 bits
# RFC 3056: what counts is the IPv4 address that it carries; to some of the Pythons that we run on all of it is private.
_SIXTOFOUR = ipaddress.IPv6Network("2002::/16")
# Reserved, but public to some of the Pythons that we run on; Oracle's metadata service is in the first (RFC 6890).
# Azure keeps its own at an address of the public internet that only its machines can reach.
_NOT_PUBLIC = [ipaddress.ip_network(text) for text in ("192.0.0.0/24", "3fff::/20", "168.63.129.16/32")]
# Loopback, which on Linux unspecified addresses lead to; private (RFC 1918, RFC 4193), and shared by the customers of a
# provider or the machines of an overlay network (RFC 6598). Neither link-local nor reserved addresses.
_PRIVATE = [
    ipaddress.ip_network(text)
    for text in (
        "127.0.0.0/8", "0.0.0.0/32", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10",
        "::1/128", "::/128", "fc00::/7",
    )
]  # fmt: skip
# Services that hand out the credentials of a machine, by the documentation of their clouds: Amazon, Google, Azure
# and others; Amazon's for containers and for pods; Azure's WireServer; Alibaba; Oracle's first one; Scaleway; Tencent.
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
"""Prefixes of NAT64 behind which the IPv4 address does not stand in the last 32 bits (RFC 6052, 2.2)."""
HOST_NAME = re.compile(r"(?=.{1,254}$)([a-z0-9_-]{1,63}\.)*[a-z0-9_-]{1,63}\.?")
"""A name that a resolver can know (RFC 1035, 2.3.4); underscores are in use."""
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


def ip_of(address: str) -> IpAddress:
    """An address as a socket names it, without its zone; an IPv4 address in its IPv6 form is that IPv4 address.

    Raises:
        ValueError: it is not an IP address.
    """
    ip = ipaddress.ip_address(address.partition("%")[0])
    return ip.ipv4_mapped or ip if isinstance(ip, ipaddress.IPv6Address) else ip


def is_private(ip: IpAddress) -> bool:
    """Whether it is of this machine or of a private network: loopback, private, unique local or shared."""
    return any(ip in network for network in _PRIVATE)


def is_metadata(ip: IpAddress) -> bool:
    """Whether it leads to the metadata service of a cloud, also from inside of an IPv6 address.

    IPv4 addresses stand in the last 32 bits of most forms: mapped, compatible, translated, NAT64 with any prefix of 96
    bits, ISATAP. Of 6to4, Teredo and the other forms of NAT64 they are taken out.
    """
    if ip in _METADATA:
        return True
    return isinstance(ip, ipaddress.IPv6Address) and not _METADATA.isdisjoint(_embedded(ip))


def is_metadata_name(host: str) -> bool:
    """Whether it is a name under which a cloud documents its metadata service; others are known by their address."""
    return host.rstrip(".").lower() in _METADATA_NAMES


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


def _embedded(ip: ipaddress.IPv6Address) -> list[IpAddress]:
    """Every IPv4 address that an IPv6 address may stand for."""
    embedded: list[IpAddress] = [ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)]
    if ip.sixtofour:
        embedded.append(ip.sixtofour)
    if ip.teredo:
        embedded.extend(ip.teredo)
    if ip in _LOCAL_NAT64:
        bits = f"{int(ip):0128b}"
        bits = bits[:64] + bits[72:]  # bits 64 to 71 are passed over
        embedded.extend(ipaddress.IPv4Address(int(bits[prefix : prefix + 32], 2)) for prefix in _EMBEDDED)
    return embedded
