"""Hosts. Nothing here may leave the machine: what is refused is refused before, what is allowed is only decided on."""

import asyncio
import socket

import httpx
import pytest

from airnub_core import NetworkSettings
from airnub_core.errors import ConnectionFailedError, RefusedAddressError, RefusedUrlError, TransferTimeoutError
from airnub_core.network.hosts import check_host, check_peer, checked_url, host_in, may_be_host, origin_of

PUBLIC_ONLY = NetworkSettings(connect_timeout=2)


def check(url, network=PUBLIC_ONLY):
    """The decision about a URL's host."""
    asyncio.run(check_host(url, httpx.URL(url), network))


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch):
    """The machine's own proxy is none of these tests' business."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


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
        check(f"http://{host}/x")


@pytest.mark.parametrize(
    ("url", "allowed"),
    [
        ("http://127.0.0.1/", True),
        ("http://10.0.0.1:8080/", ["10.0.0.0/8"]),
        ("http://2130706433/", ["127.0.0.1"]),
        ("http://localhost/", True),
        ("http://localhost:1/", ["localhost"]),
        ("http://localhost/", ["127.0.0.0/8", "::1"]),
        ("http://93.184.216.34/", []),
    ],
)
def test_private_hosts_may_be_allowed(url, allowed):
    """A source may say so for all of them, or list names and networks."""
    check(url, NetworkSettings(allow_private_hosts=allowed))


@pytest.mark.parametrize(
    ("url", "allowed"),
    [
        ("http://169.254.169.254/latest/meta-data", True),
        ("http://[::ffff:a9fe:a9fe]/", True),
        ("http://2852039166/", ["0.0.0.0/0"]),
        ("http://metadata.google.internal/", True),
        ("http://169.254.1.1/", True),
        ("http://[fe80::1]/", True),
        ("http://10.0.0.1/", ["10.1.0.0/16", "intranet.example.org"]),
        ("http://localhost/", ["intranet.example.org"]),
        ("http://localhost/", ["10.0.0.0/8"]),
    ],
)
def test_what_is_allowed_does_not_allow_everything(url, allowed):
    """Metadata services never, link-local addresses not by `true`, and by a list only what is in it."""
    with pytest.raises(RefusedAddressError, match="nothing was sent"):
        check(url, NetworkSettings(allow_private_hosts=allowed))


def test_a_public_address_is_not_resolved():
    """A number is judged as it is."""
    check("http://93.184.216.34/")


def test_what_a_name_resolves_to_counts():
    """A harmless name with the address of loopback is refused, and the error says which."""
    with pytest.raises(RefusedAddressError) as error:
        check_with_resolver("127.0.0.1")
    assert (error.value.host, error.value.address) == ("rebound.example", "127.0.0.1")


def test_one_private_address_among_public_ones_is_enough():
    """All answers of the resolver are looked at."""
    with pytest.raises(RefusedAddressError):
        check_with_resolver("93.184.216.34", "::1")
    check_with_resolver("93.184.216.34", "2606:2800:220:1:248:1893:25c8:1946")


def test_a_name_that_cannot_be_resolved_now():
    """The resolver's own word is told, and a retry may help."""
    with pytest.raises(ConnectionFailedError, match=r"rebound.example cannot be resolved.*try later") as error:
        check_with_resolver(socket.gaierror(-3, "try later"))
    assert error.value.transient


def test_a_resolver_that_does_not_answer():
    """The time for a connection is the time for its name too."""
    with pytest.raises(TransferTimeoutError) as error:
        check_with_resolver(None)
    assert error.value.limit == "connect_timeout"


@pytest.mark.parametrize("allowed", [True, ["rebound.example"], ["0.0.0.0/0", "::/0"]])
@pytest.mark.parametrize("address", ["169.254.169.254", "100.100.100.200", "fd00:ec2::254", "::ffff:169.254.169.254"])
def test_a_name_that_resolves_to_a_metadata_service(allowed, address):
    """It is refused whatever is allowed; also as one address among others."""
    with pytest.raises(RefusedAddressError, match="metadata service of a cloud, which is never asked"):
        check_with_resolver("10.0.0.1", address, allowed=allowed)


@pytest.mark.parametrize("address", ["127.0.0.1", "10.0.0.1", "fd12::1", "::1", "93.184.216.34"])
def test_a_listed_name_may_resolve_to_any_private_address(address):
    """And another name may not."""
    check_with_resolver(address, allowed=["rebound.example"])
    if address != "93.184.216.34":
        with pytest.raises(RefusedAddressError, match=r"add rebound\.example to allow_private_hosts"):
            check_with_resolver(address, allowed=["example"])


def test_an_address_of_a_listed_network_may_have_any_name():
    """What is listed is where the connection goes."""
    check_with_resolver("10.1.2.3", "10.0.0.1", allowed=["10.0.0.0/8"])
    with pytest.raises(RefusedAddressError):
        check_with_resolver("10.1.2.3", "192.168.0.1", allowed=["10.0.0.0/8"])


def check_with_resolver(*answers, allowed=False):
    """Judge a name in an event loop that resolves by itself and asks no resolver; `None` never answers."""

    class Loop(asyncio.SelectorEventLoop):
        async def getaddrinfo(self, host, port, **_options):
            if answers[0] is None:
                await asyncio.Event().wait()
            if isinstance(answers[0], Exception):
                raise answers[0]
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 0)) for address in answers]

    with asyncio.Runner(loop_factory=Loop) as runner:
        network = NetworkSettings(connect_timeout=0.1, allow_private_hosts=allowed)
        runner.run(check_host("http://asked/", httpx.URL("http://rebound.example/"), network))


@pytest.mark.parametrize(
    "host", ["a", "example.org", "example.org.", "_srv.x-y.de", "127.0.0.1", "::1", "xn--kln-sna.de", "0x7f.1"]
)
def test_what_may_be_a_host(host):
    """Names as resolvers know them, and addresses in every form."""
    assert may_be_host(host)


@pytest.mark.parametrize(
    "host", ["", ".", "a..b", "a" * 64, "a." * 127 + "aa", "a%5cb", "[bad", "a b", "a/b", "K\u00f6ln.de"]
)
def test_what_cannot_be_a_host(host):
    """Nobody has to ask a resolver for these."""
    assert not may_be_host(host)


def test_behind_a_proxy_only_the_name_is_judged(monkeypatch):
    """Resolution is the proxy's, but loopback is refused all the same."""
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    check("http://name-that-nobody-resolves.invalid/")
    with pytest.raises(RefusedAddressError):
        check("http://127.0.0.1/")
    listed = NetworkSettings(allow_private_hosts=["intranet.local", "10.0.0.0/8"])
    for allowed in ("http://intranet.local/", "http://10.0.0.1/"):
        check(allowed, listed)
    for refused in ("http://printer.local/", "http://192.168.0.1/", "http://metadata.google.internal/"):
        with pytest.raises(RefusedAddressError):
            check(refused, listed)


@pytest.mark.parametrize(
    "peer", [("127.0.0.1", 80), ("::1", 80, 0, 0), ("10.0.0.1", 80), None, "a path", ("no address", 1), ()]
)
def test_a_peer_must_be_public(peer):
    """What is connected to at last is judged too; a peer that nobody knows is refused."""
    with pytest.raises(RefusedAddressError):
        check_peer("http://rebound.example/", "rebound.example", peer, False)


def test_a_public_peer_is_let_through():
    """Nothing is raised."""
    check_peer("http://example.org/", "example.org", ("93.184.216.34", 443), False)


@pytest.mark.parametrize("allowed", [True, ("intranet.example",), ("10.0.0.0/8",)])
def test_a_private_peer_may_be_allowed(allowed):
    """But not one that is a metadata service, or not known."""
    check_peer("http://asked/", "intranet.example", ("10.0.0.1", 80), allowed)
    for peer in (("169.254.169.254", 80), ("fd00:ec2::254", 80, 0, 0), None):
        with pytest.raises(RefusedAddressError):
            check_peer("http://asked/", "intranet.example", peer, allowed)


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("http://[::1]:80/", "::1"),
        ("http://Köln.de/", "xn--kln-sna.de"),
        ("http://u:p@h:1/", "h"),
        ("http://xn--/", "xn--"),
    ],
)
def test_a_host_is_read_as_httpx_reads_it(url, host):
    """The host that is judged is the one that is connected to."""
    assert host_in(httpx.URL(url)) == host


def test_origins():
    """User, case and default port make no difference; scheme, host and port do, and what cannot be read is alone."""
    assert origin_of("http://u:p@Example.org:80/a") == origin_of("http://example.org/b")
    others = ["https://example.org/", "http://example.org:81/", "http://www.example.org/", "http://[bad", "x" * 70000]
    assert len({origin_of(url) for url in ["http://example.org/", *others]}) == len(others) + 1


@pytest.mark.parametrize(
    ("url", "base", "found"),
    [
        ("http://h/a", "", "http://h/a"),
        ("b?c", "http://h/x/a", "http://h/x/b?c"),
        ("//g/b", "https://h/a", "https://g/b"),
        ("/b c", "http://h/", "http://h/b%20c"),
    ],
)
def test_a_url_is_seen_from_its_base(url, base, found):
    """As a browser would."""
    assert str(checked_url("http://asked/", url, base)) == found


@pytest.mark.parametrize(
    "url",
    ["", "b", "ftp://h/", "file:///etc/passwd", "http://", "http://h:0/", "http://h:65536/", "http://[bad", "a:b"],
)
def test_what_is_not_asked_for(url):
    """Other schemes, no host, a port that there is not; the error names what was asked for at first."""
    with pytest.raises(RefusedUrlError) as error:
        checked_url("http://asked/", url)
    assert error.value.url == "http://asked/"


@pytest.mark.parametrize("port", ["0", "00", "65536", "-1", "x"])
def test_a_port_that_does_not_exist_is_named(port):
    """The message is about the port, and shows the URL without its credentials."""
    with pytest.raises(RefusedUrlError) as error:
        checked_url("http://asked/", f"http://me:pw@h:{port}/a")
    expected = "expected an http or https URL with a port from 1 to 65535"
    assert str(error.value) == f"http://asked/: {expected}, found 'http://***@h:{port}/a'"
