"""Manners: how many connections and requests a server sees at once, and how many a second. The server counts."""

from itertools import pairwise

from misbehaving import Load

from airnub_core import FileSource, Kind, PageSource
from airnub_core.errors import TransferTimeoutError
from airnub_core.http.settings import LARGEST, LONGEST, SHORTEST
from airnub_core.sample_site import Reply

TIMES = ("connect_timeout", "stall_timeout", "total_timeout")


def kinds(outcomes):
    """How they ended, each kind once."""
    return {outcome.kind for outcome in outcomes}


def held(server, count, until):
    """URLs that a server answers once so many of them are asked for at the same time."""
    return [server.url("held", until=until, seed=number) for number in range(count)]


def test_connections_per_host(server, run, network):
    """So many are used, and never more."""
    limits = network.model_copy(update={"connections_per_host": 3, "stall_timeout": 20})
    assert kinds(run(FileSource(name="s", urls=held(server, 30, until=3)), network=limits)) == {Kind.STORED}
    assert (server.busy.most, server.connected.most) == (3, 3)


def test_one_connection(server, run, network):
    """One after the other, over the same connection."""
    limits = network.model_copy(update={"connections": 1})
    assert kinds(run(FileSource(name="s", urls=held(server, 20, until=1)), network=limits)) == {Kind.STORED}
    assert (server.busy.most, server.accepted) == (1, 1)


def test_connections_in_all(serve, run, network):
    """Of several hosts together; so many are used, and never more."""
    busy = Load()
    servers = [serve(busy=busy) for _ in range(4)]
    limits = network.model_copy(update={"connections": 5, "connections_per_host": 3, "stall_timeout": 20})
    urls = [url for server in servers for url in held(server, 10, until=5)]
    assert kinds(run(FileSource(name="s", urls=urls), network=limits)) == {Kind.STORED}
    assert busy.most == 5
    assert max(server.connected.most for server in servers) <= 3


def test_a_host_is_one_for_all_sources(server, run, network):
    """Two sources that fetch from the same host share its connections."""
    limits = network.model_copy(update={"connections_per_host": 3, "stall_timeout": 20})
    urls = held(server, 20, until=3)
    outcomes = run(FileSource(name="s", urls=urls[:10]), FileSource(name="t", urls=urls[10:]), network=limits)
    assert kinds(outcomes) == {Kind.STORED}
    assert server.busy.most == 3


def test_a_source_may_have_a_stricter_limit(server, run, network):
    """Its own connections to a host are never more than it says."""
    strict = FileSource(name="s", urls=held(server, 10, until=2), connections_per_host=2)
    limits = network.model_copy(update={"stall_timeout": 20})
    assert kinds(run(strict, network=limits)) == {Kind.STORED}
    assert server.busy.most == 2


def test_attempts_and_redirects_stay_within_the_limit(server, run, network):
    """What is asked again, or leads elsewhere, takes no connection besides."""
    limits = network.model_copy(update={"connections_per_host": 2, "attempts": 2})
    urls = [server.url(name, number=number) for number in range(6) for name in ("twice", "onward")]
    server.behaviours |= {
        "twice": lambda talk, number: talk.answer(503 if talk.number == 1 else 200, body=b"twice %d" % number),
        "onward": lambda talk, number: talk.answer(302, {"Location": f"/told?text=onward-{number}"}),
    }
    assert kinds(run(FileSource(name="s", urls=urls), network=limits)) == {Kind.STORED}
    assert len(server.asked) == 24
    assert server.busy.most <= 2


def test_a_host_that_others_lead_to(serve, run, network):
    """Files of several hosts are redirected to one: what it sees counts, and not who was asked first."""
    busy = Load()
    target, others = serve(busy=busy), [serve() for _ in range(4)]
    target.behaviours["slow"] = lambda talk, text: (talk.pause(0.1), talk.answer(body=text.encode()))
    limits = network.model_copy(update={"connections_per_host": 2})
    urls = [
        other.url("redirect", to=target.url("slow", text=f"{other.port}-{number}"))
        for number in range(4)
        for other in others
    ]
    assert kinds(run(FileSource(name="s", urls=urls), network=limits)) == {Kind.STORED}
    assert busy.most <= 2


def test_requests_per_second(server, run, network):
    """Starts are spread as the rate says: no sooner, however many connections there are."""
    limits = network.model_copy(update={"requests_per_second_per_host": 20})
    urls = [server.url("told", text=number) for number in range(9)]
    assert kinds(run(FileSource(name="s", urls=urls), network=limits)) == {Kind.STORED}
    times = sorted(asked.at for asked in server.asked)
    assert times[-1] - times[0] >= 0.3  # 8 / 20, less what a busy machine hands over late
    assert len(times) == 9


def test_a_rate_of_each_host(serve, run, network):
    """Hosts have rates of their own: that of one is not shared with another."""
    one, other = serve(), serve()
    limits = network.model_copy(update={"requests_per_second_per_host": 10})
    urls = [server.url("told", text=number) for number in range(5) for server in (one, other)]
    assert kinds(run(FileSource(name="s", urls=urls), network=limits)) == {Kind.STORED}
    for server in (one, other):
        times = sorted(asked.at for asked in server.asked)
        assert times[-1] - times[0] >= 0.3
    assert min(asked.at for asked in other.asked) < max(asked.at for asked in one.asked)


def test_attempts_keep_the_rate_too(server, run, network):
    """What is asked again counts as a request."""
    limits = network.model_copy(update={"requests_per_second_per_host": 2, "attempts": 3})
    server.behaviours["thrice"] = lambda talk: talk.answer(503 if talk.number < 3 else 200, body=b"x")
    assert kinds(run(FileSource(name="s", urls=[server.url("thrice")]), network=limits)) == {Kind.STORED}
    assert all(later.at - earlier.at >= 0.4 for earlier, later in pairwise(server.asked))


def test_a_host_that_waits_for_its_rate_holds_up_no_other(serve, run, network):
    """One host may be asked once in a while; the other's files are all fetched before its second one."""
    slow, fast = serve(), serve()
    limits = network.model_copy(update={"connections": 2, "connections_per_host": 2})
    outcomes = run(
        FileSource(
            name="slow", urls=[slow.url("told", text=number) for number in range(2)], requests_per_second_per_host=1
        ),
        FileSource(name="fast", urls=[fast.url("told", text=number) for number in range(20)]),
        network=limits,
    )
    assert kinds(outcomes) == {Kind.STORED}
    assert slow.asked[1].at - slow.asked[0].at >= 0.9
    assert max(asked.at for asked in fast.asked) < slow.asked[1].at


def test_a_host_that_never_answers_holds_up_no_other(serve, run, network):
    """All its places are waiting, many of its files come first: the other host's files are there before they fail."""
    dead, alive = serve(), serve()
    limits = network.model_copy(update={"connections": 4, "connections_per_host": 3, "stall_timeout": 1.5})
    outcomes = run(
        FileSource(name="dead", urls=[dead.url("stall", size=number) for number in range(6)]),
        FileSource(name="alive", urls=[alive.url("told", text=number) for number in range(30)]),
        network=limits,
    )
    assert [outcome.kind for outcome in outcomes] == [Kind.FAILED] * 6 + [Kind.STORED] * 30
    assert max(asked.at for asked in alive.asked) < max(asked.at for asked in dead.asked)


def test_a_slow_host_is_not_asked_twice_at_once(server, run, network):
    """One that takes its time is waited for: no second request for the same file."""
    url = server.url("drip", size=20, pause_ms=30)
    assert kinds(run(FileSource(name="s", urls=[url]), network=network)) == {Kind.STORED}
    assert len(server.asked) == 1


def test_the_largest_size_and_the_longest_times_are_kept_to(server, site, run, network):
    """Neither libcurl nor the client of pages overflows."""
    widest = network.model_copy(update={"max_bytes": LARGEST} | dict.fromkeys(TIMES, float(LONGEST)))
    assert kinds(run(FileSource(name="s", urls=[server.url("whole", size=100_000)]), network=widest)) == {Kind.STORED}
    site.routes |= {
        "/page": Reply(b"<a href='/file'>x</a>", headers={"Content-Type": "text/html"}),
        "/file": Reply(b"x"),
    }
    assert kinds(run(PageSource(name="p", page=site.url("/page"), links="a"), network=widest)) == {Kind.STORED}


def test_the_shortest_time_is_a_time(server, run, network):
    """A millisecond ends a transfer; it is not taken for no limit, as libcurl takes 0."""
    strict = network.model_copy(update={"total_timeout": SHORTEST})
    [outcome] = run(FileSource(name="s", urls=[server.url("stall", size=1)]), network=strict)
    assert outcome.error == TransferTimeoutError(outcome.url, "total_timeout", SHORTEST)
