"""Proxies; what is told to one is tested with the downloads."""

import pytest

from airnub_core.http.proxies import proxies_of_environment


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch):
    """The machine's own proxy is none of these tests' business."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@pytest.mark.parametrize(
    ("variables", "scheme", "proxy"),
    [
        ({}, "http", None),
        ({"http_proxy": "http://p:1"}, "http", "http://p:1"),
        ({"http_proxy": "http://p:1"}, "https", None),
        ({"http_proxy": ""}, "http", None),
        ({"HTTPS_PROXY": "http://p:1"}, "https", "http://p:1"),
        ({"all_proxy": "http://p:1"}, "https", "http://p:1"),
        ({"all_proxy": "http://p:1", "https_proxy": "http://q:2"}, "https", "http://q:2"),
        ({"https_proxy": "http://p:1", "no_proxy": "example.org"}, "https", None),
        ({"https_proxy": "http://p:1", "no_proxy": "other.org,.org"}, "https", None),
        ({"https_proxy": "http://p:1", "no_proxy": "*"}, "https", None),
        ({"https_proxy": "http://p:1", "no_proxy": "ample.org"}, "https", "http://p:1"),
    ],
)
def test_proxies_come_from_the_environment(monkeypatch, variables, scheme, proxy):
    """Scheme and exceptions are those of the usual variables."""
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert proxies_of_environment()(scheme, "example.org") == proxy


def test_each_host_is_judged_by_itself(monkeypatch):
    """One that is spared spares no other, in whatever order they are asked about."""
    monkeypatch.setenv("http_proxy", "http://p:1")
    monkeypatch.setenv("no_proxy", "a.org")
    proxy_for = proxies_of_environment()
    assert [proxy_for("http", host) for host in ("a.org", "b.org", "a.org")] == [None, "http://p:1", None]


def test_an_answer_is_that_of_its_moment(monkeypatch):
    """Who asks later hears of what has changed; who asked before goes on as it was."""
    before = proxies_of_environment()
    monkeypatch.setenv("http_proxy", "http://p:1")
    assert before("http", "example.org") is None
    assert proxies_of_environment()("http", "example.org") == "http://p:1"
