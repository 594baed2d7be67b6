"""Private hosts: a server is there and would answer, and is never asked.

Nothing here may leave the machine: what is refused end to end are the many forms of loopback. Other private addresses
are judged in the tests of `addresses`.
"""

from pathlib import Path

import pytest
from pydantic import ValidationError

from airnub_core import FileSource, Item, Status, open_engine
from airnub_core.errors import RefusedAddressError, RefusedUrlError
from airnub_core.http.ssrf import is_local_name

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
        assert outcome.kind is Status.FAILED
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
        assert outcomes["may"].kind is Status.STORED
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
    assert may.kind is Status.STORED
    assert isinstance(may_not.error, RefusedAddressError)
    assert len(server.asked) == 1


# --- lists; other addresses of loopback are other private hosts


@pytest.fixture
def near(serve):
    """A server on 127.0.0.1."""
    return serve(host="127.0.0.1")


@pytest.fixture
def far(serve):
    """A server on 127.0.0.2, another private host."""
    try:
        return serve(host="127.0.0.2")
    except OSError:
        pytest.skip("only one address of loopback here")


@pytest.fixture
def listed(run, network):
    """Fetch one URL with a value of `allow_private_hosts`, as a source says it; its outcome."""

    def one(url, allowed, **limits):
        source = FileSource(name="s", urls=[url], allow_private_hosts=allowed)
        [outcome] = run(source, network=network.model_copy(update={"allow_private_hosts": False, **limits}))
        return outcome

    return one


@pytest.mark.parametrize("allowed", [["127.0.0.1"], ["127.0.0.0/31"], ["10.0.0.0/8", "127.0.0.1/32"], True])
def test_a_listed_address_is_asked(near, listed, allowed):
    """At any port, alone or as one of a network."""
    assert listed(near.url("told"), allowed).kind is Status.STORED


@pytest.mark.parametrize("allowed", [[], ["127.0.0.2"], ["localhost"], ["10.0.0.0/8"], ["::1"]])
def test_an_address_that_is_not_listed_is_refused(near, listed, allowed):
    """A name in the list allows no address as such."""
    outcome = listed(near.url("told"), allowed)
    assert isinstance(outcome.error, RefusedAddressError)
    assert near.accepted == 0


def test_a_listed_name_is_asked(near, listed):
    """It resolves to loopback; asked by its number, or by another name, the host is refused."""
    url = f"http://localhost:{near.port}/told"
    assert listed(url, ["localhost"]).kind is Status.STORED
    assert listed(url, ["127.0.0.1", "::1"]).kind is Status.UNCHANGED
    for refused in (near.url("told"), f"http://a.localhost:{near.port}/told"):
        assert isinstance(listed(refused, ["localhost"]).error, RefusedAddressError)
    assert len(near.asked) == 2


def test_a_redirect_to_another_private_host_needs_its_own_entry(near, far, listed):
    """And is followed where it has one."""
    url = near.url("redirect", to=far.url("told"))
    outcome = listed(url, ["127.0.0.1"])
    assert isinstance(outcome.error, RefusedAddressError)
    assert (outcome.error.host, outcome.error.url) == ("127.0.0.2", url)
    assert "add 127.0.0.2 to allow_private_hosts" in str(outcome.error)
    assert far.accepted == 0
    assert listed(url, ["127.0.0.1", "127.0.0.2"]).kind is Status.STORED


@pytest.mark.parametrize("allowed", [True, ["127.0.0.1", "0.0.0.0/0", "::/0"]])
@pytest.mark.parametrize(
    "target",
    [
        "http://169.254.169.254/latest/meta-data/",
        "http://169.254.170.2/v2/credentials",
        "http://[fd00:ec2::254]/latest/",
        "http://100.100.100.200/",
        "http://168.63.129.16/",
        "http://192.0.0.192/",
        "http://[::ffff:169.254.169.254]/",
        "http://[64:ff9b::a9fe:a9fe]/",
        "http://[2002:a9fe:a9fe::1]/",
        "http://2852039166/",
        "http://0251.0376.0251.0376/",
        "http://0xa9fea9fe/",
        "http://metadata.google.internal/",
    ],
)
def test_no_redirect_leads_to_a_metadata_service(near, listed, allowed, target):
    """Whatever is allowed; it is refused by the URL alone, before anything is sent."""
    outcome = listed(near.url("redirect", to=target), allowed, attempts=3)
    assert isinstance(outcome.error, RefusedAddressError)
    assert "always blocked" in str(outcome.error)
    assert (outcome.attempts, len(near.asked)) == (1, 1)


def test_true_does_not_lead_to_link_local_addresses(near, listed):
    """Those are listed, or not asked."""
    outcome = listed(near.url("redirect", to="http://169.254.1.1/"), True)
    assert isinstance(outcome.error, RefusedAddressError)
    assert "loopback and private addresses only" in str(outcome.error)


def test_a_connection_of_one_list_is_not_lent_to_another(near, far, network, tmp_path, run_engine):
    """Also when it is open already: the host is a name, which a second source has not listed."""

    async def main():
        async with open_engine(tmp_path, network) as engine:
            outcomes = []
            for source, allowed in (("may", ("localhost",)), ("may_not", ("127.0.0.2",)), ("may", ("localhost",))):
                limits = network.model_copy(update={"allow_private_hosts": allowed})
                url = f"http://localhost:{near.port}/told?text={len(outcomes)}"
                outcomes += await engine.ingest([Item(source, url, limits)])
            return outcomes

    first, refused, last = run_engine(main())
    assert isinstance(refused.error, RefusedAddressError)
    assert (first.kind, last.kind, len(near.asked)) == (Status.STORED, Status.STORED, 2)


def test_many_different_lists_in_one_run(near, run, network):
    """Each source has its own; pools of connections that are idle are closed for those of others."""
    few = network.model_copy(update={"allow_private_hosts": False, "connections": 2})
    sources = [
        FileSource(
            name=f"s{number}",
            urls=[near.url("told", text=f"{number}-{one}") for one in range(3)],
            allow_private_hosts=["127.0.0.1", f"10.0.{number}.0/24"],
        )
        for number in range(12)
    ]
    assert {outcome.kind for outcome in run(*sources, network=few)} == {Status.STORED}
    assert len(near.asked) == 36


def test_a_list_goes_to_the_second_process(near, far, run, network):
    """Many files are shared with a process beside this one, and the list is kept there too."""
    urls = [near.url("told", text=number) for number in range(300)]
    urls[::50] = [far.url("told", text=number) for number in range(6)]
    only_near = network.model_copy(update={"allow_private_hosts": ("127.0.0.1",)})
    outcomes = run(FileSource(name="s", urls=urls), network=only_near, processes=2)
    refused = [outcome for outcome in outcomes if outcome.kind is Status.FAILED]
    assert len(refused) == 6
    assert all(isinstance(outcome.error, RefusedAddressError) for outcome in refused)
    assert far.accepted == 0
