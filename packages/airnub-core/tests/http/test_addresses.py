"""Addresses."""

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airnub_core.http.addresses import (
    ip_of,
    is_local_name,
    is_metadata,
    is_metadata_name,
    is_private,
    is_public,
    literal_address,
)


@pytest.mark.parametrize(
    "address",
    [
        "93.184.216.34",
        "8.8.8.8",
        "172.32.0.1",
        "100.128.0.1",
        "169.253.255.255",
        "2606:2800:220:1:248:1893:25c8:1946",
        "64:ff9b::808:808",
        "::ffff:8.8.8.8",
        "2002:808:808::",
    ],
)
def test_public_addresses(address):
    """Addresses of the public internet may be asked, also in IPv6 forms that carry them."""
    assert is_public(address)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "127.255.255.254",
        "0.0.0.0",
        "10.0.0.1",
        "172.16.0.1",
        "192.168.1.1",
        "100.64.0.1",
        "169.254.169.254",
        "224.0.0.1",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "fe80::1",
        "fe80::1%eth0",
        "fc00::1",
        "fec0::1",
        "ff02::1",
        "2001:db8::1",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "::127.0.0.1",
        "64:ff9b::7f00:1",
        "64:ff9b::a9fe:a9fe",
        "2002:7f00:1::",
        "2002:a00:1::1",
        "2001:0:7f00:1::",
        "0.1.2.3",
        "169.254.170.2",
        "192.0.2.1",
        "198.18.0.1",
        "203.0.113.1",
        "239.255.255.250",
        "100::1",
        "3fff::1",
        "5f00::1",
        "4000::1",
        "fec0::a9fe:a9fe",
        "ff0e::1",
        "::7f00:1",
        "::8.8.8.8",
        "::ffff:0:127.0.0.1",
        "::ffff:0:169.254.169.254",
        "::ffff:169.254.169.254",
        "::ffff:a9fe:a9fe%eth0",
        "64:ff9b:1::7f00:1",
        "64:ff9b:1::808:808",
        "2002:a9fe:a9fe::1",
        "2001:0:808:808:0:0:80ff:fffe",
    ],
)
def test_addresses_that_are_not_public(address):
    """Loopback, private, link-local, metadata and reserved addresses are not, in whatever IPv6 form they come."""
    assert not is_public(address)


@pytest.mark.parametrize(
    "address",
    [
        "169.254.169.254",
        "169.254.170.2",
        "fd00:ec2::254",
        "fd20:ce::254",
        "100.100.100.200",
        "192.0.0.192",
        "168.63.129.16",
        "::ffff:168.63.129.16",
    ],
)
def test_metadata_services(address):
    """Those of Amazon, Google, Alibaba, Oracle and Azure; the last has an address that looks like any other."""
    assert not is_public(address)
    assert is_metadata(ip_of(address))


METADATA = ["169.254.169.254", "169.254.170.2", "100.100.100.200", "168.63.129.16", "192.0.0.192"]


@pytest.mark.parametrize("address", METADATA)
@pytest.mark.parametrize(
    "form",
    [
        "::ffff:{0:x}:{1:x}",
        "::{0:x}:{1:x}",
        "::ffff:0:{0:x}:{1:x}",
        "64:ff9b::{0:x}:{1:x}",
        "64:ff9b:1::{0:x}:{1:x}",
        "64:ff9b:1:{0:x}:{2:x}:{3:x}00::",
        "2001:db8:64::{0:x}:{1:x}",
        "fe80::5efe:{0:x}:{1:x}",
        "fd00:1::{0:x}:{1:x}%eth0",
        "2002:{0:x}:{1:x}::1",
        "2001:0:{0:x}:{1:x}::1",
        "2001:0:808:808:0:0:{4:x}:{5:x}",
    ],
)
def test_a_metadata_service_inside_of_an_ipv6_address(form, address):
    """Mapped, compatible, translated, NAT64 of several prefixes, ISATAP, 6to4, and both ends of Teredo."""
    number = int(ipaddress.IPv4Address(address))
    high, low = number >> 16, number & 0xFFFF
    written = form.format(high, low, low >> 8, low & 0xFF, high ^ 0xFFFF, low ^ 0xFFFF)
    assert is_metadata(ip_of(written))


@pytest.mark.parametrize(
    "address", ["169.254.169.253", "169.254.1.1", "10.0.0.1", "8.8.8.8", "fe80::1", "fd00:ec2::253", "2606:2800::1"]
)
def test_other_addresses_are_no_metadata_services(address):
    """Neighbours of them, and all others."""
    assert not is_metadata(ip_of(address))


@pytest.mark.parametrize(
    ("host", "is_one"),
    [
        ("metadata.google.internal", True),
        ("Metadata.Google.Internal.", True),
        ("metadata.goog", True),
        ("instance-data.ec2.internal", True),
        ("metadata", False),
        ("metadata.google.internal.example.org", False),
    ],
)
def test_names_of_metadata_services(host, is_one):
    """Those that clouds document; behind a proxy there is nothing else to go by."""
    assert is_metadata_name(host) is is_one


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "127.9.9.9",
        "0.0.0.0",
        "::1",
        "::",
        "10.1.2.3",
        "172.16.0.1",
        "172.31.255.255",
        "192.168.0.1",
        "100.64.0.1",
        "fc00::1",
        "fd12::1",
        "::ffff:10.0.0.1",
    ],
)
def test_private_addresses(address):
    """Loopback, private, shared and unique local ones."""
    assert is_private(ip_of(address))


@pytest.mark.parametrize(
    "address",
    [
        "8.8.8.8",
        "172.32.0.1",
        "169.254.1.1",
        "fe80::1",
        "224.0.0.1",
        "255.255.255.255",
        "0.0.0.1",
        "240.0.0.1",
        "192.0.2.1",
        "198.18.0.1",
        "fec0::1",
        "ff02::1",
        "64:ff9b::a00:1",
        "2002:a00:1::",
        "::10.0.0.1",
    ],
)
def test_addresses_that_are_not_private(address):
    """Public, link-local, reserved and multicast ones; nor those that carry a private one through a gateway."""
    assert not is_private(ip_of(address))


def test_a_name_is_no_address():
    """Only addresses can be judged."""
    with pytest.raises(ValueError):
        is_public("example.org")


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "127.0.0.1.",
        "127.0.0.1..",
        "2130706433",
        "017700000001",
        "0x7f000001",
        "0x7F.0.0.0x1",
        "0x7f.0x0.0x0.0x1",
        "0177.0.0.1",
        "00000177.0.0.1",
        "0177.1",
        "127.1",
        "0x7f.1",
        "127.0.1",
    ],
)
def test_writings_of_loopback(host):
    """Every form that the C library takes is the same address."""
    assert literal_address(host) == "127.0.0.1"


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("[::1]", "::1"),
        ("::1", "::1"),
        ("fe80::1%eth0", "fe80::1"),
        ("0", "0.0.0.0"),
        ("[::ffff:127.0.0.1%25lo]", "::ffff:7f00:1"),
        ("[0:0:0:0:0:0:0:1]", "::1"),
        ("0xa9fea9fe", "169.254.169.254"),
        ("2852039166", "169.254.169.254"),
        ("4294967295", "255.255.255.255"),
    ],
)
def test_other_literals(host, address):
    """Brackets and zones are no part of an address; `0` is one."""
    assert literal_address(host) == address


@pytest.mark.parametrize(
    "host",
    [
        "example.org",
        "",
        "localhost",
        "1.2.3.4.5",
        "127.0.0.1 x",
        "127.0.0.1\0",
        "\uff11\uff12\uff17.0.0.1",
        "256.1.1.1",
        "4294967296",
        "08.8.8.8",
        "0x.0x.0x.0x",
    ],
)
def test_names_are_no_literals(host):
    """What is no address by itself is for the resolver, or for nobody."""
    assert literal_address(host) is None


@given(st.text())
def test_any_text_can_be_asked_about(text):
    """Whatever stands in a URL, the answer is an address or none, and never an error."""
    address = literal_address(text)
    assert address is None or isinstance(is_public(address), bool)
    assert isinstance(is_local_name(text), bool)


@pytest.mark.parametrize(
    ("host", "local"),
    [
        ("localhost", True),
        ("LOCALHOST.", True),
        ("a.localhost", True),
        ("printer.local", True),
        ("metadata.google.internal", True),
        ("router.home.arpa", True),
        ("localhost.example.org", False),
        ("local", False),
        ("example.org", False),
    ],
)
def test_local_names(host, local):
    """Names of this machine and its own network are known without asking a resolver."""
    assert is_local_name(host) is local
