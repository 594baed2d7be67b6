"""Redirects: at most ten, to http and https alone, and nothing is told to those who need not know."""

import base64

import pytest
from misbehaviours import content

from airnub_core import FileSource, Status
from airnub_core.errors import HttpStatusError, ItemError, ProtocolError, RefusedUrlError, TooManyRedirectsError
from airnub_core.http.redirects import Going, sent_on
from airnub_core.http.streams import BytesContent
from airnub_core.http.url import parse_url
from airnub_core.store.manifest import Manifest


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_ten_redirects_are_followed(server, fetch, tmp_path, status):
    """Where it ended is in the manifest; the URL is the one that was asked for."""
    url = server.url("redirect_chain", left=10, status=status)
    outcome, body = fetch(url)
    assert (outcome.kind, outcome.attempts, body) == (Status.STORED, 1, content(100))
    manifest = Manifest.read(tmp_path / outcome.manifest)
    assert (manifest.url, manifest.final_url) == (url, server.url("redirect_chain", left=0, status=status))


def test_eleven_redirects_are_too_many(server, fails):
    """The twelfth request is never made, and no second attempt."""
    url = server.url("redirect_chain", left=11)
    assert fails(url, TooManyRedirectsError, attempts=3) == TooManyRedirectsError(url, 10)
    assert len(server.asked) == 11


def test_a_loop(server, fails):
    """It ends like any other chain that is too long."""
    url = server.url("redirect_loop")
    assert fails(url, TooManyRedirectsError) == TooManyRedirectsError(url, 10)
    assert len(server.asked) == 11


def test_the_name_comes_from_where_it_ended(server, fetch):
    """As a browser would name it."""
    server.behaviours["data.csv"] = server.behaviours["told"]
    outcome, _ = fetch(server.url("redirect", to="/data.csv"))
    assert outcome.path.endswith("/data.csv")


@pytest.mark.parametrize(
    "to",
    [
        "file:///etc/passwd",
        "FILE:///etc/passwd",
        "file://127.0.0.1/etc/passwd",
        "ftp://127.0.0.1/x",
        "gopher://127.0.0.1:1/x",
        "dict://127.0.0.1:1/x",
        "telnet://127.0.0.1:1/",
        "scp://127.0.0.1/x",
        "ldap://127.0.0.1/x",
        "ws://127.0.0.1:1/x",
        "data:text/plain,evil",
        "javascript:alert(1)",
        "http://[bad/",
        "http://h:99999/",
        "http://h:port/",
        f"http://{'a' * 70}.invalid/",
        "http://a..b/",
        r"http://a\b/",
        "http://a b/",
    ],
)
def test_a_redirect_elsewhere(server, fails, to):
    """Only http and https, and only what can be read as a URL with a host; it is asked for once."""
    url = server.url("redirect", to=to)
    error = fails(url, RefusedUrlError, attempts=3)
    assert (error.url, error.transient) == (url, False)
    assert len(server.asked) == 1


@pytest.mark.parametrize("to", ["http://", "http:", "", "#"])
def test_a_redirect_to_no_host(server, fails, to):
    """Some read a path in it, others nothing: nobody reads a file."""
    fails(server.url("redirect", to=to, **{"from": "here"}), ItemError)


@pytest.mark.parametrize("to", ["/told?a=1", "told?a=1", "?text=x", "//{host}/told", "/./x/../told", "/told#part"])
def test_a_redirect_is_read_as_a_browser_reads_it(server, fetch, to):
    """Relative to where it was found, whatever is left out; what stands behind `#` is not sent."""
    server.behaviours["told"] = lambda talk, **_parameters: talk.answer(body=b"here")
    # The path of the redirect itself answers as well, for the one that changes only what stands behind `?`.
    redirect = server.behaviours["redirect"]
    server.behaviours["redirect"] = lambda talk, to=None, text=None: (
        talk.answer(body=b"here") if text else redirect(talk, to)
    )
    outcome, body = fetch(server.url("redirect", to=to.format(host=f"127.0.0.1:{server.port}")))
    assert (outcome.kind, body) == (Status.STORED, b"here")
    assert "#" not in server.asked[-1].target


def test_a_redirect_in_other_letters(server, stored):
    """Spaces and letters are encoded on the way."""
    server.behaviours["%C3%A4%20b"] = server.behaviours["told"]
    assert stored(server.url("redirect", to="/ä b")) == b"fine"


def test_a_redirect_that_injects_a_line(server, fails):
    """A line end that is encoded in the target stays so."""
    fails(server.url("redirect", to="/x%0d%0aX-Injected:%201"), HttpStatusError)
    assert "x-injected" not in server.asked[-1].headers


def test_a_redirect_without_a_target(server, fails):
    """There is nowhere to go."""
    url = server.url("status", code=302)
    assert fails(url, HttpStatusError) == HttpStatusError(url, 302)


def test_a_redirect_to_what_is_broken(server, fails):
    """The error names what was asked for."""
    url = server.url("redirect", to=server.url("raw", name="ssh"))
    assert fails(url, ProtocolError).url == url


def test_the_body_of_a_redirect_is_not_the_file(server, stored):
    """Nor is it read without an end."""

    def talkative(talk):
        talk.head(302, {"Location": "/told", "Content-Length": 5})
        talk.send(b"wrong")

    server.behaviours["talkative"] = talkative
    assert stored(server.url("talkative")) == b"fine"


def test_the_body_of_a_redirect_may_be_endless(server, stored):
    """What is in it is of no interest."""

    def talkative(talk):
        talk.head(302, {"Location": "/told"})
        while True:
            talk.send(bytes(65536))

    server.behaviours["talkative"] = talkative
    assert stored(server.url("talkative")) == b"fine"


def test_a_password_in_the_url(server, serve, fetch):
    """It goes to its own host, as Basic authentication, and not to where that redirects; nor does it come back."""
    other = serve()
    back = other.url("redirect", to=server.url("told"))
    url = server.url("redirect", to=back).replace("://", "://me:s3cret@")
    outcome, body = fetch(url)
    assert (outcome.kind, body) == (Status.STORED, b"fine")
    credentials = base64.b64encode(b"me:s3cret").decode()
    assert [asked.headers.get("authorization") for asked in server.asked] == [f"Basic {credentials}", None]
    assert "authorization" not in other.asked[0].headers


def test_a_secret_in_a_redirect_is_not_told(server, fails):
    """The target is redacted in the message."""
    message = str(fails(server.url("redirect", to="ftp://me:hunter2@h/x?q='&token=s3cret"), RefusedUrlError))
    assert "s3cret" not in message.partition(": expected")[2]
    assert "hunter2" not in message.partition(": expected")[2]


def test_a_cookie_lives_as_long_as_its_transfer(server, run, network):
    """What a redirect sets is shown to its target, and to nobody afterwards."""
    one_by_one = network.model_copy(update={"connections": 1})
    urls = [server.url("redirect", to="/told", cookie="session=1; Path=/"), server.url("told", text="other")]
    run(FileSource(name="s", urls=urls), network=one_by_one)
    assert [asked.headers.get("cookie") for asked in server.asked] == [None, "session=1", None]


HERE = "http://h/a"
HEADERS = {"x-key": "k", "Content-Type": "text/plain"}


def going(method, status, there="http://h/b", content=b"x"):
    """What is left after a redirect: the method, whether there is a body, and names of headers."""
    body = None if content is None else BytesContent(content)
    left = sent_on(HERE, Going(method, body, HEADERS), parse_url(HERE, HERE), parse_url(HERE, there), status)
    return left.method, left.content is not None, sorted(left.headers)


@pytest.mark.parametrize(
    ("method", "status", "after"),
    [
        ("POST", 301, "GET"),
        ("POST", 302, "GET"),
        ("POST", 303, "GET"),
        ("PUT", 303, "GET"),
        ("DELETE", 303, "GET"),
        ("POST", 307, "POST"),
        ("POST", 308, "POST"),
        ("PUT", 301, "PUT"),
        ("PUT", 302, "PUT"),
    ],
)
def test_methods_and_bodies(method, status, after):
    """A body goes where its method goes, and the headers that describe it with it."""
    headers = ["Content-Type", "x-key"] if after != "GET" else ["x-key"]
    assert going(method, status) == (after, after != "GET", headers)


def test_head_stays():
    """Whatever the status."""
    assert {going("HEAD", status, content=None)[0] for status in (301, 302, 303, 307, 308)} == {"HEAD"}


@pytest.mark.parametrize("there", ["https://h/", "http://h:81/", "http://g/"])
def test_another_origin(there):
    """It gets no header; a body is not sent to it."""
    assert going("GET", 302, there, content=None) == ("GET", False, [])
    assert going("POST", 302, there) == ("GET", False, [])
    with pytest.raises(RefusedUrlError, match="expected one origin for a body"):
        going("POST", 307, there)
