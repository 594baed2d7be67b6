"""Private hosts: a server is there and would answer, and is never asked.

Nothing here may leave the machine: what is refused end to end are the many forms of loopback. Other private addresses
are judged in the tests of `addresses`.
"""

from pathlib import Path

import pytest
from pydantic import ValidationError

from airnub_core import FileSource, Item, Kind, open_engine
from airnub_core.errors import RefusedAddressError, RefusedUrlError
from airnub_core.network.addresses import is_local_name

LOOPBACK = [
    "127.0.0.1",
    "127.0.0.1.",
    "127.1",
    "127.0.1",
    "127.255.255.254",
    "2130706433",
    "017700000001",
    "0x7f000001",
    "0x7F.0.0.0x1",
    "0x7f.1",
    "0177.1",
    "0.0.0.0",
    "0",
    "0x0",
    "localhost",
    "LocalHost",
    "localhost.",
    "files.localhost",
    "[::1]",
    "[0:0:0:0:0:0:0:1]",
    "[::]",
    "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]",
]
"""Forms of loopback as they stand in URLs."""

ODD = [
    "0177.0.0.1",
    "00000177.0.0.1",
    "127%2e0%2e0%2e1",
    "%31%32%37.0.0.1",
    "local%68ost",
    "127.0.0.1%00",
    "127.0.0.1%2f",
    "127.0.0.1..",
    "[::1%25lo]",
    "[::ffff:127.0.0.1%25lo]",
    "\uff11\uff12\uff17.0.0.1",
    "127\u30020\u30020\u30021",
    "\u2460\u2461\u2466.0.0.1",
    "\u24db\u24de\u24d2\u24d0\u24db\u24d7\u24de\u24e2\u24e3",
    "local\u00adhost",
    "0x7f.0x0.0x0.0x00000000001",
]
"""Forms that parsers disagree about; whoever reads loopback in them has to refuse it."""


def private_names():
    """Names that this machine itself, without a resolver, knows as loopback, and that nobody can tell by the look."""
    try:
        lines = Path("/etc/hosts").read_text().splitlines()
    except OSError:
        return []
    entries = [line.partition("#")[0].split() for line in lines]
    names = {name for entry in entries if entry and entry[0] == "127.0.0.1" for name in entry[1:]}
    return sorted(name for name in names if not is_local_name(name))[:2]


@pytest.fixture
def refused(run, network, files, leftovers):
    """Fetch a URL with private hosts not allowed, which must be refused in one of these ways; the error."""

    def one(url, *kinds, **limits):
        public = network.model_copy(update={"allow_private_hosts": False, **limits})
        [outcome] = run(FileSource(name="s", urls=[url]), network=public)
        assert outcome.kind is Kind.FAILED
        assert isinstance(outcome.error, kinds), repr(outcome.error)
        assert not outcome.error.transient
        assert (outcome.attempts, files(), leftovers()) == (1, {}, [])
        return outcome.error

    return one


@pytest.mark.parametrize("host", LOOPBACK)
def test_loopback_is_refused(server, refused, host):
    """In every form, before a connection is opened; the error says how it can be allowed."""
    error = refused(f"http://{host}:{server.port}/told", RefusedAddressError, attempts=3)
    assert "allow_private_hosts" in str(error)
    assert (server.asked, server.accepted) == ([], 0)


@pytest.mark.parametrize("host", ODD)
def test_odd_writings_of_loopback_are_refused(server, refused, host):
    """One way or the other, and before anything is sent."""
    try:
        refused(f"http://{host}:{server.port}/told", RefusedAddressError, RefusedUrlError)
    except ValidationError:
        return  # such a URL does not even come into the settings
    finally:
        assert server.asked == []


@pytest.mark.parametrize(
    "user",
    [
        "me@",
        "me:secret@",
        "files.invalid@",
        "files.invalid:80@",
        "files.invalid%2f@",
        "a@b@",
        "files.invalid%23@",
        "%00@",
    ],
)
def test_a_user_in_front_of_the_host_changes_nothing(server, refused, user):
    """What stands before the last `@` is no host."""
    refused(f"http://{user}127.0.0.1:{server.port}/told", RefusedAddressError, RefusedUrlError)
    assert (server.asked, server.accepted) == ([], 0)


@pytest.mark.parametrize("host", private_names() or [None])
def test_a_name_of_loopback_is_refused(server, refused, host):
    """It looks like any other name; what counts is the address that is connected to."""
    if host is None:
        pytest.skip("this machine has no such name")
    error = refused(f"http://{host}:{server.port}/told", RefusedAddressError, attempts=3)
    assert "127.0.0.1" in str(error)
    assert server.asked == []


def test_an_ipv6_server_is_refused(serve, refused):
    """A server that listens there and would answer."""
    try:
        server = serve(host="::1")
    except OSError:
        pytest.skip("no IPv6 here")
    refused(server.url("told"), RefusedAddressError)
    assert (server.asked, server.accepted) == ([], 0)


def test_a_port_that_nobody_listens_on_is_refused_all_the_same(refused, unused_port):
    """Who asks does not learn which ports are open."""
    refused(f"http://127.0.0.1:{unused_port}/x", RefusedAddressError)


def test_https_is_refused_too(server, refused):
    """Before a handshake."""
    refused(server.url("told").replace("http:", "https:"), RefusedAddressError)
    assert server.accepted == 0


def test_one_source_may_and_another_may_not(server, run, network):
    """The same file in one run: a connection that one source may have is not lent to the other."""
    public = network.model_copy(update={"allow_private_hosts": False, "connections": 1})
    for order in (1, -1):
        sources = [
            FileSource(name="may", urls=[server.url("told", text=order)], allow_private_hosts=True),
            FileSource(name="may_not", urls=[server.url("told", text=order)]),
        ][::order]
        outcomes = {outcome.source: outcome for outcome in run(*sources, network=public)}
        assert outcomes["may"].kind is Kind.STORED
        assert isinstance(outcomes["may_not"].error, RefusedAddressError)
    assert len(server.asked) == 2


def test_the_connection_of_one_is_not_lent_to_the_other(server, network, tmp_path, run_engine):
    """Also when it is open already: the one that may not comes after the one that may."""

    async def main():
        async with open_engine(tmp_path, network) as engine:
            public = network.model_copy(update={"allow_private_hosts": False})
            url = server.url("told")
            return [
                *await engine.ingest([Item("may", url, network)]),
                *await engine.ingest([Item("may_not", url, public)]),
            ]

    may, may_not = run_engine(main())
    assert may.kind is Kind.STORED
    assert isinstance(may_not.error, RefusedAddressError)
    assert len(server.asked) == 1
