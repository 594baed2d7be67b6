"""Requests and responses for tests that make none of their own."""

from airnub_core import NetworkSettings
from airnub_core.http.request import Request, Response
from airnub_core.store.manifest import url_digest

AT = "2026-01-01T00:00:00+00:00"
LIMITS = NetworkSettings(allow_private_hosts=True).limits()


def requested(url, source="s", number=0, limits=LIMITS, **more):
    """A request for a URL."""
    return Request(number, source, url, url_digest(url), limits, **more)


def answered(request, final_url=None, headers=(), sent_at=AT, **more):
    """Its answer, from where it was asked for unless that is said."""
    named = {"attempts": 1, "status": 200, "final_url": request.url if final_url is None else final_url} | more
    return Response(request, headers=dict(headers), sent_at=sent_at, **named)


def kind_of(response):
    """What came of a request: `failed`, `staged` or `unchanged`."""
    if response.error is not None:
        return "failed"
    return "unchanged" if response.staged is None else "staged"
