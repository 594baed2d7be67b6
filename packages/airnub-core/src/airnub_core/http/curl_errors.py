"""Curl errors: map libcurl's error codes to the engine's errors (https://curl.se/libcurl/c/libcurl-errors.html)."""

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
# A connection that breaks during the handshake says nothing about certificates.
_CUT_HANDSHAKE = ("reset by peer", "unexpected eof", "connection closed", "syscall", "errno")
_BROKEN_RULES = ("chunk", "hexadecimal", "invalid", "malformed", "too large")


def error_of(answer: ResponseReader, code: int, message: str, os_errno: int) -> ItemError:
    """The error of a transfer that libcurl gave up; the caller tells time limits apart.

    Args:
        answer: what came of it.
        code: libcurl's.
        message: libcurl's words.
        os_errno: what the system said about the connection, 0 for nothing.
    """
    url, words = answer.transfer.url, message.lower()
    if code == pycurl.E_URL_MALFORMAT:
        return RefusedUrlError(url, f"one that cannot be read ({message})")
    if code in _TLS:
        if code == pycurl.E_SSL_CONNECT_ERROR and any(word in words for word in _CUT_HANDSHAKE):
            return ConnectionFailedError(url, message)
        return TlsError(url, message)
    broke_a_rule = any(word in words for word in _BROKEN_RULES)
    if code == pycurl.E_PARTIAL_FILE or (code == pycurl.E_RECV_ERROR and answer.status and not broke_a_rule):
        return answer.cut()
    if code in _CONNECTION and not broke_a_rule:
        return ConnectionFailedError(url, os.strerror(os_errno) if os_errno else message)
    return ProtocolError(url, message or f"libcurl's error {code}")
