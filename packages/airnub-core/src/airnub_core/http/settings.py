"""Network settings: the models of `network:` in settings and of its overrides in a source."""

import ipaddress
import re
from fractions import Fraction
from math import inf, nan
from typing import Annotated

from pydantic import (
    AfterValidator,
    BeforeValidator,
    ByteSize,
    Discriminator,
    Field,
    Tag,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WrapValidator,
)

from airnub_core.http.limits import Limits
from airnub_core.http.ssrf import IpAddress, is_metadata, is_metadata_name, literal_address, normal_name
from airnub_core.http.url import HOST_NAME
from airnub_core.strict_model import StrictModel

LARGEST = 2**63 - 1
"""Largest size in bytes, and largest count: libcurl, file systems and Prefect's JSON use signed 64-bit integers."""
SHORTEST, LONGEST = 0.001, 30 * 24 * 3600
"""Shortest and longest time in seconds: libcurl counts milliseconds in 32 bits, which are 49 days."""
_SIZE = re.compile(r"\s*(\d{1,40}|\d{0,40}\.\d{1,40})\s*([A-Za-z]*)\s*", re.ASCII)

_EXPECTED = "expected a host name or a network such as intranet.example.org or 10.0.0.0/8"


def _size(value: object) -> int:
    size = 0
    if isinstance(value, str):
        # Pydantic parses sizes as floats, which round and overflow.
        written = _SIZE.fullmatch(value)
        factor = ByteSize.byte_sizes.get((written[2] or "b").lower()) if written else None
        if written and factor:
            size = int(Fraction(written[1]) * Fraction(factor))
    elif isinstance(value, int) and not isinstance(value, bool):
        size = value
    elif isinstance(value, float) and value.is_integer():
        size = int(value)
    if not 1 <= size <= LARGEST:
        raise ValueError(f"expected a size from 1 to {LARGEST:,} bytes, such as 2GiB")
    return size


def _number(value: object) -> float:
    """Convert to a float; NaN, which is outside every range, if it is not a number."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return nan
    try:
        return float(value)
    except (ValueError, OverflowError):
        return nan


def _seconds(value: object) -> float:
    seconds = _number(value)
    if not SHORTEST <= seconds <= LONGEST:
        raise ValueError(f"expected a time from {SHORTEST} to {LONGEST:,} seconds (30 days)")
    return seconds


def _rate(value: object) -> float:
    rate = _number(value)
    if not 1 / LONGEST <= rate < inf:
        raise ValueError(f"expected requests a second, one in 30 days ({1 / LONGEST:.8f}) at least")
    return rate


Seconds = Annotated[float, BeforeValidator(_seconds)]
Size = Annotated[ByteSize, BeforeValidator(_size)]
Rate = Annotated[float, BeforeValidator(_rate)]
Count = Annotated[int, Field(ge=1, le=LARGEST)]


def checked_entry(entry: str) -> str:
    """Validate and normalize an entry of `allow_private_hosts`: a host name, an IP address or a network.

    Raises:
        ValueError: the entry is none of these, or is a metadata service, which cannot be allowed.
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
        raise ValueError(f"{_EXPECTED}, without a port: all ports are allowed")
    try:
        ip = ipaddress.ip_address(text)
    except ValueError:
        return _checked_name(text)
    return _checked_address(ip)


def _checked_network(text: str) -> str:
    address, _, prefix = text.partition("/")
    if not (prefix.isascii() and prefix.isdigit()):  # Python would accept a netmask too
        raise ValueError(f"{_EXPECTED}, with a prefix length after `/`")
    try:
        network = ipaddress.ip_network(text, strict=False)
    except ValueError:
        raise ValueError(f"{_EXPECTED}, an IPv4 or IPv6 network") from None
    if ipaddress.ip_address(address) != network.network_address:
        raise ValueError(f"{_EXPECTED}, without bits after the prefix: {network}")
    if network.num_addresses == 1:
        _checked_address(network.network_address)
    _check_mapped(network.network_address)
    return str(network)


def _checked_address(ip: IpAddress) -> str:
    if isinstance(ip, ipaddress.IPv6Address) and ip.scope_id is not None:
        raise ValueError(f"{_EXPECTED}; an IPv6 address without `%` and a zone")
    _check_mapped(ip)
    if is_metadata(ip):
        raise ValueError(f"{_EXPECTED}; a metadata service is always blocked, and cannot be listed")
    return str(ip)


def _check_mapped(ip: IpAddress) -> None:
    if isinstance(ip, ipaddress.IPv6Address) and ip.ipv4_mapped is not None:
        raise ValueError(f"{_EXPECTED}; an IPv4 address or network as such, not in its IPv6 form")


def _checked_name(text: str) -> str:
    name = normal_name(text)
    if not name.isascii():
        name = normal_name(_in_ascii(name))
    literal = literal_address(name)
    if literal is not None:
        raise ValueError(f"{_EXPECTED}; write {literal}")
    if not HOST_NAME.fullmatch(name):
        raise ValueError(_EXPECTED)
    if is_metadata_name(name):
        raise ValueError(f"{_EXPECTED}; a metadata service is always blocked, and cannot be listed")
    return name


def _in_ascii(name: str) -> str:
    """Encode an internationalized host name in ASCII (IDNA, UTS 46), as in URLs."""
    from ada_url import URL  # imported here, since few names need it

    try:
        return str(URL(f"http://{name}/").hostname)
    except ValueError:
        raise ValueError(_EXPECTED) from None


def _switch(value: object, handler: ValidatorFunctionWrapHandler) -> bool:
    try:
        return bool(handler(value))
    except ValidationError:
        raise ValueError("expected true, false, or a list of host names and networks") from None


def _kind(value: object) -> str:
    return "list" if isinstance(value, list | tuple) else "switch"


PrivateHosts = Annotated[
    Annotated[bool, WrapValidator(_switch), Tag("switch")]
    | Annotated[tuple[Annotated[str, AfterValidator(checked_entry)], ...], Tag("list")],
    # A plain union would report an invalid entry also as a list that is not a bool.
    Discriminator(_kind),
]
"""`false`, `true`, or a list of host names and networks; `ssrf` documents what each allows."""


class NetworkSettings(StrictModel):
    """Network settings: limits, timeouts and retries of requests.

    Times are in seconds, from 1 ms to 30 days; sizes in bytes, from 1 to 2^63 - 1, or with a suffix such as GiB.
    """

    connections: Annotated[int, Field(ge=1, le=1024)] = 32
    connections_per_host: Annotated[int, Field(ge=1, le=1024)] = 16
    requests_per_second_per_host: Rate | None = None
    max_bytes: Size = ByteSize(2 * 1024**3)
    """Largest decoded body of one file."""
    connect_timeout: Seconds = 10
    stall_timeout: Seconds = 30
    """Longest time without receiving a byte."""
    total_timeout: Seconds = 3600
    """Longest time of one attempt."""
    attempts: Annotated[int, Field(ge=1, le=100)] = 4
    max_redirects: Annotated[int, Field(ge=0, le=100)] = 10
    """Most redirects followed in one attempt."""
    allow_private_hosts: PrivateHosts = False

    def limits(self) -> Limits:
        """Convert to a plain value, for worker processes, which do not import Pydantic."""
        values = {name: getattr(self, name) for name in Limits._fields}
        return Limits(**values | {"max_bytes": int(self.max_bytes)})


class NetworkOverrides(StrictModel):
    """Any key of `NetworkSettings`, for one source."""

    connections: Annotated[int, Field(ge=1, le=1024)] | None = None
    connections_per_host: Annotated[int, Field(ge=1, le=1024)] | None = None
    requests_per_second_per_host: Rate | None = None
    max_bytes: Size | None = None
    connect_timeout: Seconds | None = None
    stall_timeout: Seconds | None = None
    total_timeout: Seconds | None = None
    attempts: Annotated[int, Field(ge=1, le=100)] | None = None
    max_redirects: Annotated[int, Field(ge=0, le=100)] | None = None
    allow_private_hosts: PrivateHosts | None = None

    def network(self, department: NetworkSettings) -> NetworkSettings:
        """Apply these overrides to the settings of the department."""
        said = {name: value for name in NetworkSettings.model_fields if (value := getattr(self, name)) is not None}
        return department.model_copy(update=said)
