"""SSRF protection: the decision alone; nothing is asked here."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airnub_core.errors import RefusedAddressError
from airnub_core.http.ssrf import checked_entry, may_connect, refusal, refused_host
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
    assert "never asked" in str(refusal("http://h/", NAME, address, allowed))


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
    ("written", "entry"),
    [
        ("intranet.example.org", "intranet.example.org"),
        (" Intranet.Example.ORG. ", "intranet.example.org"),
        ("site", "site"),
        ("_a-1.b", "_a-1.b"),
        ("köln.example", "xn--kln-sna.example"),
        ("10.0.0.0/8", "10.0.0.0/8"),
        ("10.0.0.1/32", "10.0.0.1/32"),
        ("10.0.0.1", "10.0.0.1"),
        ("0.0.0.0/0", "0.0.0.0/0"),
        ("169.254.0.0/16", "169.254.0.0/16"),
        ("169.254.1.1", "169.254.1.1"),
        ("FD00::/8", "fd00::/8"),
        ("::1", "::1"),
        ("fe80::/10", "fe80::/10"),
    ],
)
def test_entries(written, entry):
    """Names, addresses and networks, as they are compared; checked again they stay as they are."""
    assert checked_entry(written) == entry
    assert checked_entry(entry) == entry


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("", "such as"),
        ("http://h/", "without scheme and path"),
        ("h/path", "length of its prefix"),
        ("10.0.0.0/255.0.0.0", "length of its prefix"),
        ("10.0.0.0/-1", "length of its prefix"),
        ("10.0.0.0/", "length of its prefix"),
        ("10.0.0.0/33", "an IPv4 or IPv6 network"),
        ("fd00::/129", "an IPv4 or IPv6 network"),
        ("h/8", "an IPv4 or IPv6 network"),
        ("10.0.0.1/8", "behind its prefix: 10.0.0.0/8"),
        ("fd00::1/8", "behind its prefix: fd00::/8"),
        ("*.example.org", "no wildcards"),
        ("10.0.0.*", "no wildcards"),
        ("h:80", "without a port"),
        ("10.0.0.1:80", "without a port"),
        ("[::1]:80", "without brackets"),
        ("[::1]", "without brackets"),
        ("fe80::1%eth0", "without `%`"),
        ("127.1", "write 127.0.0.1"),
        ("2130706433", "write 127.0.0.1"),
        ("me@h", "such as"),
        ("a b", "such as"),
        ("a..b", "such as"),
        ("ä b", "such as"),
        ("a" * 64, "such as"),
        ("169.254.169.254", "never asked"),
        ("169.254.169.254/32", "never asked"),
        ("fd00:ec2::254", "never asked"),
        ("metadata.google.internal", "never asked"),
        ("::ffff:10.0.0.1", "not in its IPv6 form"),
        ("::ffff:10.0.0.0/104", "not in its IPv6 form"),
    ],
)
def test_mistakes_in_a_list(written, said):
    """Each says what was expected, and what to write where that is known."""
    with pytest.raises(ValueError, match="expected a host name or a network such as") as error:
        checked_entry(written)
    assert said in str(error.value)


@given(st.text() | st.from_regex(r"[0-9a-fx.:/%*\[\]-]{1,40}", fullmatch=True))
def test_any_text_is_an_entry_or_a_mistake(text):
    """And an entry stays as it is."""
    try:
        entry = checked_entry(text)
    except ValueError:
        return
    assert checked_entry(entry) == entry


@pytest.mark.parametrize(
    ("host", "address", "allowed", "said"),
    [
        (NAME, "10.0.0.1", False, f"set allow_private_hosts: [{NAME}]"),
        ("0x7f.1", "127.0.0.1", False, "set allow_private_hosts: [127.0.0.1]"),
        (NAME, "10.0.0.1", ("other",), f"add {NAME} to allow_private_hosts"),
        (NAME, "169.254.1.1", (NAME,), "add 169.254.1.1 to allow_private_hosts"),
        ("localhost", "localhost", (NAME,), "add localhost to allow_private_hosts"),
        (NAME, "169.254.1.1", True, "set a list of all that may be asked, with 169.254.1.1"),
        ("metadata.google.internal", "metadata.google.internal", True, "never asked"),
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
