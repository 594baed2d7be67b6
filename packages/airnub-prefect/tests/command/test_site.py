"""The `site` command."""

import re
import signal
import urllib.error
import urllib.request

import pytest


@pytest.fixture
def url(start):
    """Where a site is served that was started for the test; it must end well."""
    process = start("site", "--port", "0")
    url = re.search(r"http://\S+/", process.stderr.readline())[0]
    yield url
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=20)
    assert process.returncode == 0


def get(url):
    with urllib.request.urlopen(url, timeout=10) as answer:
        return answer.read().decode()


def test_the_routes_of_the_demo_are_served_until_sigterm(url):
    """The root page lists the files; other paths are 404."""
    assert get(f"{url}a.csv") == "a\n1\n"
    assert '<a href="/b.csv">' in get(url)
    with pytest.raises(urllib.error.HTTPError, match="404") as missing:
        get(f"{url}nothing")
    missing.value.close()


def test_requests_are_not_recorded():
    """A site that runs for months needs no more memory."""
    from department_for_tests.department import DEPARTMENT

    from airnub_prefect.command.site import Site

    with Site(DEPARTMENT.load_demo().routes(with_failure=False)) as site:
        get(site.url("/a.csv"))
        assert site.asked == []


def test_a_port_that_is_taken(url, command):
    """The error names the port, and nothing is served."""
    done = command("site", "--port", url.rstrip("/").rpartition(":")[2])
    assert done.returncode == 2
    assert "expected a free port" in done.stderr
