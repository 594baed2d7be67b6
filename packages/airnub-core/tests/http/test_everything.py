"""Every kind of bad server at once, among good ones."""

import pytest
from misbehaving import cut_handshake, garbled_handshake, never_read, reset_at_once
from misbehaviours import bad_urls, content

from airnub_common import redact_url
from airnub_core import ContentStore, FileSource, Status, verify
from airnub_core.errors import ItemError


@pytest.mark.system
@pytest.mark.parametrize("processes", [1, 2])
def test_every_bad_file_fails_and_every_good_one_is_stored(
    server, serve, run, network, files, leftovers, tmp_path, processes
):
    """One item, one outcome: counts add up, each failure says its own URL, no object is damaged or left over."""
    greetings = [never_read, reset_at_once, cut_handshake, garbled_handshake]
    bad = [*bad_urls(server), *(serve(greet=greet).url("told") for greet in greetings)]
    good = [server.url("whole", size=100 + number, seed=number) for number in range(len(bad))]
    urls = [url for pair in zip(bad, good, strict=True) for url in pair]
    limits = network.model_copy(
        update={"max_bytes": 10_000_000, "stall_timeout": 1.5, "total_timeout": 6, "attempts": 2}
    )
    outcomes = run(FileSource(name="s", urls=urls), network=limits, processes=processes)
    assert [outcome.url for outcome in outcomes] == list(map(redact_url, urls))
    ended = dict(zip(urls, outcomes, strict=True))
    assert [url for url in bad if ended[url].kind is not Status.FAILED] == []
    assert [str(ended[url].error) for url in good if ended[url].kind is not Status.STORED] == []
    assert all(isinstance(ended[url].error, ItemError) and redact_url(url) in str(ended[url].error) for url in bad)
    assert sorted(files().values()) == sorted(content(100 + number, number) for number in range(len(good)))
    assert verify(ContentStore(tmp_path)).damaged == []
    assert leftovers() == []
