"""Files at known URLs."""

from airnub_core import FileSource, Status
from airnub_core.errors import TooLargeError
from airnub_core.sample_site import Reply


def test_outcomes_come_in_the_order_of_the_settings(site, run):
    """Source by source, URL by URL; one that is named twice in a source is one item."""
    site.routes |= {path: Reply(path.encode()) for path in ("/a", "/b", "/c")}
    a, b, c = (site.url(path) for path in site.routes)
    outcomes = run(FileSource(name="s", urls=[c, a, c]), FileSource(name="t", urls=[b, a]))
    assert [(outcome.source, outcome.url) for outcome in outcomes] == [("s", c), ("s", a), ("t", b), ("t", a)]
    assert {outcome.kind for outcome in outcomes} == {Status.STORED}


def test_each_source_has_its_own_limits(site, run):
    """What one may, another may not."""
    site.routes["/a"] = Reply(b"x" * 100)
    small, large = run(
        FileSource(name="small", urls=[site.url("/a")], max_bytes=10), FileSource(name="large", urls=[site.url("/a")])
    )
    assert small.error == TooLargeError(site.url("/a"), 10)
    assert large.kind is Status.STORED
