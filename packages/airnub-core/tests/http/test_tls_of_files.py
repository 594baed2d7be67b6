"""TLS: who cannot prove who they are is not asked for anything."""

import ssl

import pytest
from certificates import Certificates
from misbehaving import cut_handshake, garbled_handshake, mute_handshake, reset_handshake
from misbehaviours import content

from airnub_core.errors import (
    ConnectionFailedError,
    ItemError,
    ProtocolError,
    TlsError,
    TransferTimeoutError,
    TruncatedBodyError,
)


@pytest.fixture(scope="module")
def certificates(tmp_path_factory):
    """Of an authority that only these tests know."""
    try:
        return Certificates(tmp_path_factory.mktemp("certificates"))
    except FileNotFoundError:
        pytest.skip("openssl is not installed")


@pytest.fixture
def trusted(certificates, monkeypatch):
    """The authority is trusted, as the usual variable says."""
    monkeypatch.setenv("SSL_CERT_FILE", str(certificates.authority))


@pytest.fixture
def secure(serve, certificates):
    """A server that shows a certificate of some kind."""
    return lambda kind, **options: serve(context=certificates.context(kind), **options)


def test_a_server_that_proves_who_it_is(secure, stored, trusted):
    """The certificates that are trusted come from the environment."""
    assert stored(secure("good").url("whole", size=100_000)) == content(100_000)


def test_an_authority_that_nobody_knows(secure, fails):
    """Nothing is asked, and it will be no better the next time."""
    server = secure("good")
    assert not fails(server.url("told"), TlsError, attempts=3).transient
    assert (server.asked, server.accepted) == ([], 1)


@pytest.mark.parametrize("kind", ["expired", "elsewhere", "self-signed"])
def test_a_certificate_that_is_wrong(secure, fails, trusted, kind):
    """Nothing is asked, and it will be no better the next time; the message says what is wrong."""
    server = secure(kind)
    error = fails(server.url("told"), TlsError, attempts=3)
    assert not error.transient
    assert (server.asked, server.accepted) == ([], 1)
    words = {"expired": "expired", "elsewhere": "127.0.0.1", "self-signed": "self"}
    assert words[kind] in str(error).partition(": expected")[2]


def test_a_redirect_to_a_wrong_certificate(server, secure, fails, trusted):
    """It is looked at there too; the error names what was asked for."""
    wrong = secure("expired")
    url = server.url("redirect", to=wrong.url("told"))
    assert fails(url, TlsError).url == url
    assert wrong.asked == []


def test_a_server_without_tls(server, fails):
    """An https URL to an http server."""
    fails(server.url("told").replace("http:", "https:"), TlsError, ConnectionFailedError, ProtocolError)
    assert server.asked == []


def test_a_server_that_only_speaks_tls(secure, fails):
    """An http URL to an https server."""
    server = secure("good")
    fails(server.url("told").replace("https:", "http:"), ConnectionFailedError, ProtocolError, TlsError)
    assert server.asked == []


@pytest.mark.parametrize("greet", [cut_handshake, reset_handshake, garbled_handshake])
def test_a_handshake_that_breaks(secure, fails, greet):
    """Cut, reset, or answered by something else."""
    fails(secure("good", greet=greet).url("told"), TlsError, ConnectionFailedError)


def test_a_handshake_that_is_never_answered(secure, fails):
    """It is a part of connecting, and has the same limit."""
    url = secure("good", greet=mute_handshake).url("told")
    error = fails(url, TransferTimeoutError, connect_timeout=0.4, stall_timeout=20)
    assert (error.limit, error.transient) == ("connect_timeout", True)


def test_a_server_that_wants_a_certificate_of_ours(serve, certificates, fails, trusted):
    """TLS 1.3 says so after the handshake: it is an error of the item, and not taken for one of the disk."""
    context = certificates.context("good")
    context.verify_mode = ssl.CERT_REQUIRED
    fails(serve(context=context).url("told"), TlsError, ConnectionFailedError)


def test_a_body_that_anybody_could_have_cut(secure, fails, trusted):
    """Without a length only TLS's own farewell says that a body is whole; where it is missing, it is not (RFC 9112,
    9.8).
    """
    fails(secure("good").url("until_close"), TruncatedBodyError, ConnectionFailedError, TlsError, ProtocolError)


def test_a_body_that_ends_with_a_farewell(secure, stored, trusted):
    """Nobody but the server can have said it: the body is whole, though it had no length."""
    server = secure("good")
    server.behaviours["polite"] = lambda talk: (
        talk.send(b"HTTP/1.0 200 OK\r\n\r\n", content(100)),
        talk.connection.unwrap(),
    )
    assert stored(server.url("polite")) == content(100)


def test_a_body_that_is_cut(secure, fails, trusted):
    """It says how much was promised and how much came, as without TLS."""
    url = secure("good").url("short", size=1000, sent=10)
    assert fails(url, TruncatedBodyError) == TruncatedBodyError(url, 1000, 10)


def test_old_versions_of_tls(serve, certificates, fails, trusted):
    """A server that speaks only TLS 1.1 is not talked to."""
    context = certificates.context("good")
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    server = serve(context=context)
    assert isinstance(fails(server.url("told"), TlsError, ConnectionFailedError), ItemError)
    assert server.asked == []
