"""Errors of libcurl: map its error codes to the engine's errors (https://curl.se/libcurl/c/libcurl-errors.html)."""

import os

import pycurl

from airnub_core.errors import ConnectionFailedError, ItemError, ProtocolError, RefusedUrlError, TlsError
from airnub_core.http.response import ResponseReader

_TLS = {
    pycurl.E_PEER_FAILED_VERIFICATION,
    pycurl.E_SSL_CACERT_BADFILE,
    pycurl.E_SSL_CERTPROBLEM,
    pycurl.E_SSL_CIPHER,
    pycurl.E_SSL_CONNECT_ERROR,
    pycurl.E_SSL_ISSUER_ERROR,
    pycurl.E_SSL_PINNEDPUBKEYNOTMATCH,
    pycurl.E_SSL_INVALIDCERTSTATUS,
}
_CONNECTION = {
    pycurl.E_COULDNT_RESOLVE_PROXY,
    pycurl.E_COULDNT_RESOLVE_HOST,
    pycurl.E_COULDNT_CONNECT,
    pycurl.E_GOT_NOTHING,
    pycurl.E_SEND_ERROR,
    pycurl.E_RECV_ERROR,
}
# A connection that is lost during the handshake is no certificate error.
_CUT_HANDSHAKE = ("reset by peer", "unexpected eof", "connection closed", "syscall", "errno")
# If the server closes a kept connection without a response, libcurl connects again, five times; a new connection that
# ends so is an "Empty reply from server". It depends on timing which of the two happens, so both have that message.
_LOST_OFTEN = "connection died, tried "
_BROKEN_RULES = ("chunk", "hexadecimal", "invalid", "malformed", "too large")


def error_of(reader: ResponseReader, code: int, message: str, os_errno: int) -> ItemError:
    """The error of a transfer that libcurl ended; `os_errno` is 0 for none. The caller distinguishes time limits."""
    url, words = reader.transfer.url, message.lower()
    if code == pycurl.E_URL_MALFORMAT:
        return RefusedUrlError(url, f"one that cannot be read ({message})")
    if code in _TLS:
        if code == pycurl.E_SSL_CONNECT_ERROR and any(word in words for word in _CUT_HANDSHAKE):
            return ConnectionFailedError(url, message)
        return TlsError(url, message)
    if words.startswith(_LOST_OFTEN):
        return ConnectionFailedError(url, "Empty reply from server")
    broke_a_rule = any(word in words for word in _BROKEN_RULES)
    if code == pycurl.E_PARTIAL_FILE or (code == pycurl.E_RECV_ERROR and reader.status and not broke_a_rule):
        return reader.truncated()
    if code in _CONNECTION and not broke_a_rule:
        return ConnectionFailedError(url, os.strerror(os_errno) if os_errno else message)
    return ProtocolError(url, message or f"libcurl's error {code}")
