"""Asking; what servers do to those who ask is tested with `network.transfer`."""

import asyncio
from http import HTTPStatus

import pytest

from airnub_core import Item
from airnub_core.asking import Asker
from airnub_core.errors import HttpStatusError, StoreError
from airnub_core.sample_site import Reply
from airnub_core.store.staging import Staging


@pytest.fixture
def ask(tmp_path, network):
    """Ask for URLs, side by side; of each the status, the bytes that were staged, and how many attempts it took."""

    def all_of(*urls, harm=lambda _staging: None, conditions=None, **limits):
        limited = network.model_copy(update=limits)

        async def one(asker, url):
            received, attempts = await asker.ask(Item("s", url, limited), limited, conditions)
            if received.body is None:
                return received.status, None, attempts
            content = received.body.content()
            received.body.discard()
            return received.status, content, attempts

        async def main():
            with Staging(tmp_path / "staging") as staging:
                harm(staging)
                asker = Asker(limited, staging, "tests/1")
                try:
                    return await asyncio.gather(*(one(asker, url) for url in urls))
                finally:
                    await asker.close()

        return asyncio.run(main())

    return all_of


def test_an_answer_is_staged(site, ask):
    """At the first attempt, and asked for by name."""
    site.routes["/a"] = Reply(b"fine")
    assert ask(site.url("/a")) == [(HTTPStatus.OK, b"fine", 1)]
    assert site.asked[0].headers["user-agent"] == "tests/1"


def test_nothing_changed(site, ask):
    """Where conditions let the server say so."""
    site.routes["/a"] = Reply(b"fine", headers={"ETag": '"1"'})
    assert ask(site.url("/a"), conditions={"if-none-match": '"1"'}) == [(HTTPStatus.NOT_MODIFIED, None, 1)]


def test_what_may_heal_is_asked_again(site, ask):
    """And what it took is told, in the end or with the error."""
    answers = iter([Reply(status=503), Reply(status=503), Reply(b"fine")])
    site.routes["/a"] = lambda _asked: next(answers)
    assert ask(site.url("/a"), attempts=3) == [(HTTPStatus.OK, b"fine", 3)]
    site.routes["/b"] = Reply(status=503)
    with pytest.raises(HttpStatusError) as error:
        ask(site.url("/b"), attempts=2)
    assert (error.value.attempts, len(site.asked)) == (2, 5)


def test_what_cannot_heal_is_asked_once(site, ask):
    """A missing page is missing."""
    with pytest.raises(HttpStatusError) as error:
        ask(site.url("/none"), attempts=4)
    assert (error.value.attempts, len(site.asked)) == (1, 1)


def test_it_keeps_to_the_limits(server, ask):
    """Those who ask at the same time take turns."""
    urls = [server.url("held", until=2, seed=number) for number in range(6)]
    answers = ask(*urls, connections_per_host=2)
    assert [status for status, *_ in answers] == [HTTPStatus.OK] * 6
    assert server.busy.most == 2


def test_a_store_that_cannot_be_written(site, ask):
    """It is no error of the item."""
    site.routes["/a"] = Reply(b"fine")
    with pytest.raises(StoreError):
        ask(site.url("/a"), harm=lambda staging: (staging.folder / "own").write_bytes(b"in the way"))
