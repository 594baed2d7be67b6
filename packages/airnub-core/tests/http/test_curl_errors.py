"""Errors of libcurl."""

import errno

import pycurl
import pytest

from airnub_core.errors import (
    ConnectionFailedError,
    ProtocolError,
    RefusedUrlError,
    TlsError,
    TruncatedBodyError,
)
from airnub_core.http.curl_errors import error_of


@pytest.fixture
def reader(asked):
    """Nothing of it has come."""
    return asked("http://h/a")


@pytest.mark.parametrize(
    ("code", "words", "kind"),
    [
        (pycurl.E_URL_MALFORMAT, "Port number was not a decimal number", RefusedUrlError),
        (pycurl.E_PEER_FAILED_VERIFICATION, "SSL certificate problem: self-signed", TlsError),
        (pycurl.E_SSL_CONNECT_ERROR, "TLS connect error: wrong version number", TlsError),
        (pycurl.E_SSL_CONNECT_ERROR, "Recv failure: Connection reset by peer", ConnectionFailedError),
        (pycurl.E_SSL_CONNECT_ERROR, "TLS connect error: unexpected EOF while reading", ConnectionFailedError),
        (pycurl.E_COULDNT_RESOLVE_HOST, "Could not resolve host: h", ConnectionFailedError),
        (pycurl.E_GOT_NOTHING, "Empty reply from server", ConnectionFailedError),
        (pycurl.E_RECV_ERROR, "Recv failure", ConnectionFailedError),
        (pycurl.E_RECV_ERROR, "Invalid Content-Length: value", ProtocolError),
        (pycurl.E_FTP_WEIRD_SERVER_REPLY, "Received HTTP/0.9 when not allowed", ProtocolError),
        (pycurl.E_PARTIAL_FILE, "transfer closed with 5 bytes remaining to read", TruncatedBodyError),
        (pycurl.E_OUT_OF_MEMORY, "", ProtocolError),
    ],
)
def test_each_is_one_of_ours(reader, code, words, kind):
    """With the URL, and in libcurl's own words where there is nothing better."""
    error = error_of(reader, code, words, 0)
    assert type(error) is kind
    assert error.url == "http://h/a"
    assert words in str(error) or kind is TruncatedBodyError


def test_the_system_says_why_there_was_no_connection(reader):
    """Its word is shorter and truer than libcurl's."""
    error = error_of(reader, pycurl.E_COULDNT_CONNECT, "Failed to connect to h port 80", errno.ECONNREFUSED)
    assert error == ConnectionFailedError("http://h/a", "Connection refused")


def test_a_kept_connection_that_is_lost_again_and_again(reader):
    """The message is that of a new connection that ends without a response: timing decides which of the two happens."""
    lost = error_of(reader, pycurl.E_SEND_ERROR, "Connection died, tried 5 times before giving up", errno.EPIPE)
    assert lost == error_of(reader, pycurl.E_GOT_NOTHING, "Empty reply from server", 0)


def test_a_connection_that_broke_in_the_body(reader):
    """It is an answer that was cut, and says how much came; before the headers were over it is none."""
    reader.lines += [b"HTTP/1.1 200 OK\r\n", b"Content-Length: 10\r\n", b"\r\n"]
    reader.take(b"four")
    error = error_of(reader, pycurl.E_RECV_ERROR, "Recv failure: Connection reset by peer", errno.ECONNRESET)
    assert error == TruncatedBodyError("http://h/a", 10, 4)


def test_an_error_without_words(reader):
    """The number can be looked up."""
    assert str(pycurl.E_OUT_OF_MEMORY) in str(error_of(reader, pycurl.E_OUT_OF_MEMORY, "", 0))
