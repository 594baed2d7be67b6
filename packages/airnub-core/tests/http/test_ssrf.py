"""SSRF protection: the decision alone; nothing is asked here."""

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airnub_core.errors import RefusedAddressError
from airnub_core.http.ssrf import (
    ip_of,
    is_local_name,
    is_metadata,
    is_metadata_name,
    is_private,
    is_public,
    literal_address,
    may_connect,
    refusal,
    refused_host,
)
from airnub_core.http.url import parse_url

NAME = "intranet.example.org"
LOOPBACK_AND_PRIVATE = ["127.0.0.1", "::1", "10.0.0.1", "172.16.0.1", "192.168.1.1", "100.64.0.1", "fd12::1", "0.0.0.0"]
LINK_LOCAL = ["169.254.1.1", "fe80::1", "fe80::1%eth0"]
RESERVED = ["192.0.2.1", "198.18.0.1", "240.0.0.1", "224.0.0.1", "fec0::1"]
PUBLIC = ["93.184.216.34", "2606:2800:220:1:248:1893:25c8:1946"]
METADATA = [
    "169.254.169.254",
    "169.254.170.2",
    "fd00:ec2::254",
    "100.100.100.200",
    "168.63.129.16",
    "192.0.0.192",
    "::ffff:169.254.169.254",
    "64:ff9b::a9fe:a9fe",
    "2002:a9fe:a9fe::1",
    "2001:0:808:808:0:0:5601:5601",
]
EVERYTHING = ("0.0.0.0/0", "::/0", NAME)


@pytest.mark.parametrize("allowed", [False, (), True, (NAME,), EVERYTHING])
def test_public_addresses_may_be_asked(allowed):
    """Whatever is allowed beside them."""
    assert all(may_connect(NAME, address, allowed) for address in PUBLIC)


@pytest.mark.parametrize("allowed", [False, (), True, (NAME,), EVERYTHING])
@pytest.mark.parametrize("address", METADATA)
def test_metadata_services_are_never_asked(address, allowed):
    """In whatever form, by whatever name, whatever is allowed; and the error does not say how it could be."""
    assert not may_connect(NAME, address, allowed)
    assert not may_connect(address, address, allowed)
    assert refused_host(f"[{address}]" if ":" in address else address, allowed, is_resolved_here=True) is not None
    assert "always blocked" in str(refusal("http://h/", NAME, address, allowed))


@pytest.mark.parametrize(
    "written", ["2852039166", "0xa9fea9fe", "0251.0376.0251.0376", "169.254.43518", "0xa9.254.0xa9fe"]
)
def test_other_writings_of_a_metadata_service(written):
    """Decimal, octal, hexadecimal and short forms, as the C library takes them."""
    for allowed in (True, EVERYTHING):
        assert refused_host(written, allowed, is_resolved_here=True) == "169.254.169.254"


@pytest.mark.parametrize("host", ["metadata.google.internal", "METADATA.google.internal.", "metadata.goog"])
@pytest.mark.parametrize("is_resolved_here", [True, False])
def test_names_of_metadata_services_are_never_asked(host, is_resolved_here):
    """Also behind a proxy, which would resolve them."""
    for allowed in (False, True, EVERYTHING):
        assert refused_host(host, allowed, is_resolved_here=is_resolved_here) == host


def test_false_allows_nothing_private():
    """Neither does an empty list."""
    for allowed in (False, ()):
        assert not any(may_connect("h", one, allowed) for one in [*LOOPBACK_AND_PRIVATE, *LINK_LOCAL, *RESERVED])


def test_true_allows_loopback_and_private_addresses():
    """Link-local and reserved ones not."""
    assert all(may_connect("h", one, True) for one in LOOPBACK_AND_PRIVATE)
    assert not any(may_connect("h", one, True) for one in [*LINK_LOCAL, *RESERVED])


def test_a_listed_name_may_have_any_private_address():
    """As `true`; other names may not. Case and a dot at the end are of no account."""
    for host in (NAME, NAME.upper(), f"{NAME}."):
        assert all(may_connect(host, one, (NAME,)) for one in LOOPBACK_AND_PRIVATE)
        assert not any(may_connect(host, one, (NAME,)) for one in [*LINK_LOCAL, *RESERVED])
    for other in (f"a.{NAME}", "example.org", f"{NAME}.example.org", "10.0.0.1", ""):
        assert not any(may_connect(other, one, (NAME,)) for one in LOOPBACK_AND_PRIVATE)


def test_addresses_of_a_listed_network():
    """Whatever the host is called, link-local networks too; those beside it not."""
    allowed = ("10.0.0.0/8", "169.254.0.0/16", "fe80::/10", "192.168.1.7", "fd12::/64")
    for one in ("10.255.0.1", "169.254.1.1", "fe80::1", "fe80::1%eth0", "192.168.1.7", "fd12::9", "::ffff:10.0.0.1"):
        assert may_connect("whatever.example", one, allowed)
    for one in ("172.16.0.1", "192.168.1.8", "fd13::1", "127.0.0.1", "::ffff:127.0.0.1"):
        assert not may_connect("whatever.example", one, allowed)


def test_all_of_ipv6_is_not_all_of_ipv4():
    """An IPv4 address in its IPv6 form needs an entry of its own."""
    assert not may_connect("h", "::ffff:127.0.0.1", ("::/0",))
    assert may_connect("h", "::1", ("::/0",))


@pytest.mark.parametrize("address", ["", "h", "a path", "1.2.3", "None"])
def test_what_is_not_an_address_is_refused(address):
    """A peer that is not known is none that may be asked."""
    assert not may_connect(NAME, address, EVERYTHING)


@pytest.mark.parametrize(
    ("host", "allowed", "here", "behind_a_proxy"),
    [
        ("example.org", False, None, None),
        ("localhost", False, "localhost", "localhost"),
        ("localhost", True, None, None),
        ("localhost", ("localhost",), None, None),
        ("LocalHost.", ("localhost",), None, None),
        ("localhost", (NAME,), "localhost", "localhost"),
        ("localhost", ("127.0.0.0/8",), None, "localhost"),
        ("printer.local", ("10.0.0.0/8",), None, "printer.local"),
        (NAME, ("10.0.0.0/8",), None, None),
        ("127.1", ("127.0.0.1",), None, None),
        ("127.1", ("127.0.0.2",), "127.0.0.1", "127.0.0.1"),
        ("[::1]", ("::1",), None, None),
        ("10.0.0.1", (NAME,), "10.0.0.1", "10.0.0.1"),
        ("169.254.1.1", True, "169.254.1.1", "169.254.1.1"),
    ],
)
def test_hosts_before_they_are_resolved(host, allowed, here, behind_a_proxy):
    """Local names are judged by what they resolve to where a network is listed; a proxy does not say what that is."""
    assert refused_host(host, allowed, is_resolved_here=True) == here
    assert refused_host(host, allowed, is_resolved_here=False) == behind_a_proxy


@pytest.mark.parametrize(
    ("host", "address", "allowed", "said"),
    [
        (NAME, "10.0.0.1", False, f"set allow_private_hosts: [{NAME}]"),
        ("0x7f.1", "127.0.0.1", False, "set allow_private_hosts: [127.0.0.1]"),
        (NAME, "10.0.0.1", ("other",), f"add {NAME} to allow_private_hosts"),
        (NAME, "169.254.1.1", (NAME,), "add 169.254.1.1 to allow_private_hosts"),
        ("localhost", "localhost", (NAME,), "add localhost to allow_private_hosts"),
        (NAME, "169.254.1.1", True, "set a list of all allowed hosts, with 169.254.1.1"),
        ("metadata.google.internal", "metadata.google.internal", True, "always blocked"),
    ],
)
def test_an_error_says_what_to_do(host, address, allowed, said):
    """What is to be listed if the host is meant."""
    message = str(refusal("http://asked/", host, address, allowed))
    assert message.startswith(f"http://asked/: expected a public address, found {host}")
    assert said in message


def check(url, allowed):
    """Refuse the host of a URL as a client does that resolves by itself."""
    host = parse_url(url, url).host
    if (refused := refused_host(host, allowed, is_resolved_here=True)) is not None:
        raise refusal(url, host, refused, allowed)


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "2130706433",
        "0177.1",
        "0x7f.1",
        "0.0.0.0",
        "localhost",
        "LocalHost.",
        "a.localhost",
        "user@127.0.0.1",
        "example.org@127.0.0.1",
        "127.0.0.1.",
        "017700000001",
        "[::]",
        "[::127.0.0.1]",
        "[::ffff:a9fe:a9fe]",
        "[fd00:ec2::254]",
        "[fe80::1]",
        "[64:ff9b::a9fe:a9fe]",
        "169.254.169.254",
        "0xa9fea9fe",
        "2852039166",
        "100.100.100.200",
        "168.63.129.16",
        "10.1",
        "192.168.0.1.",
        "93.184.216.34@10.0.0.1",
        "metadata.google.internal",
        "metadata.google.internal.",
        "printer.local",
    ],
)
def test_private_hosts_are_refused(host):
    """A host that is private by its name or number is refused, and the error says how it can be allowed."""
    with pytest.raises(RefusedAddressError, match=r"nothing was sent.*allow_private_hosts"):
        check(f"http://{host}/x", False)


@pytest.mark.parametrize(
    ("url", "allowed"),
    [
        ("http://127.0.0.1/", True),
        ("http://10.0.0.1:8080/", ("10.0.0.0/8",)),
        ("http://2130706433/", ("127.0.0.1",)),
        ("http://localhost/", True),
        ("http://localhost:1/", ("localhost",)),
        ("http://localhost/", ("127.0.0.0/8", "::1/128")),
        ("http://93.184.216.34/", ()),
    ],
)
def test_private_hosts_may_be_allowed(url, allowed):
    """A source may say so for all of them, or list names and networks."""
    check(url, allowed)


@pytest.mark.parametrize(
    ("url", "allowed"),
    [
        ("http://169.254.169.254/latest/meta-data", True),
        ("http://[::ffff:a9fe:a9fe]/", True),
        ("http://2852039166/", ("0.0.0.0/0",)),
        ("http://metadata.google.internal/", True),
        ("http://169.254.1.1/", True),
        ("http://[fe80::1]/", True),
        ("http://10.0.0.1/", ("10.1.0.0/16", "intranet.example.org")),
        ("http://localhost/", ("intranet.example.org",)),
    ],
)
def test_what_is_allowed_does_not_allow_everything(url, allowed):
    """Metadata services never, link-local addresses not by `true`, and by a list only what is in it."""
    with pytest.raises(RefusedAddressError, match="nothing was sent"):
        check(url, allowed)


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


SERVICES = ["169.254.169.254", "169.254.170.2", "100.100.100.200", "168.63.129.16", "192.0.0.192"]


@pytest.mark.parametrize("address", SERVICES)
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
