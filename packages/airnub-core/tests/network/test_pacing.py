"""Pacing."""

import asyncio
from itertools import pairwise

import pytest

from airnub_core import NetworkSettings
from airnub_core.network.pacing import Pacing, host_of


def most_at_once(hosts, **limits):
    """Let one transfer after the other begin, none of which ends before nothing more can; the most at once."""
    network = NetworkSettings(**limits)

    async def main():
        pacing, running, most = Pacing(network), 0, 0
        begun, end = asyncio.Event(), asyncio.Event()

        async def transfer(host):
            nonlocal running, most
            async with pacing.turn(host, network):
                running += 1
                most = max(most, running)
                begun.set()
                await end.wait()
                running -= 1

        tasks = [asyncio.create_task(transfer(host)) for host in hosts]
        await begun.wait()
        for _ in range(10):
            await asyncio.sleep(0)
        end.set()
        await asyncio.gather(*tasks)
        return most

    return asyncio.run(main())


def test_connections_in_all():
    """Ten hosts, three at once."""
    assert most_at_once([f"h{number}" for number in range(10)], connections=3) == 3


def test_connections_per_host():
    """Ten transfers from one host, two at once; another host has places of its own."""
    assert most_at_once(["h"] * 10, connections_per_host=2) == 2
    assert most_at_once(["h", "i"] * 10, connections_per_host=2) == 4


def test_the_first_turn_is_at_once_and_the_next_waits():
    """With one request in a thousand seconds the second one waits, and keeps no other host from the only place."""
    network = NetworkSettings(connections=1, requests_per_second_per_host=0.001)

    async def main():
        pacing = Pacing(network)

        async def turn(host):
            async with pacing.turn(host, network):
                return host

        assert await turn("slow") == "slow"
        waiting = asyncio.create_task(turn("slow"))
        async with asyncio.timeout(10):
            assert await turn("other") == "other"
        assert not waiting.done()
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting

    asyncio.run(main())


def test_a_rate_is_kept_and_everybody_gets_a_turn():
    """Starts are at least as far apart as the rate says, however many wait."""
    network = NetworkSettings(requests_per_second_per_host=100)

    async def main():
        pacing, starts = Pacing(network), []

        async def transfer():
            async with pacing.turn("h", network):
                starts.append(asyncio.get_running_loop().time())

        await asyncio.gather(*(transfer() for _ in range(5)))
        return starts

    starts = asyncio.run(main())
    assert all(later - earlier >= 0.0099 for earlier, later in pairwise(starts))
    assert len(starts) == 5


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("http://Host:8080/a", "host:8080"),
        ("https://user:secret@host/", "host"),
        ("http://[::1]:1/", "[::1]:1"),
        ("http://[bad", "http://[bad"),
    ],
)
def test_hosts_are_counted_by_name_and_port(url, host):
    """A user in the URL opens no second set of places."""
    assert host_of(url) == host
