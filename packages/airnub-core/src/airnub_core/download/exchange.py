"""One exchange: a URL is asked once with one of libcurl's handles, within every limit of its source."""

import socket
from time import monotonic
from typing import Any

import pycurl

from airnub_core.download.answer import Answer
from airnub_core.download.curl_errors import error_of
from airnub_core.download.errand import Errand
from airnub_core.download.landing import Landing
from airnub_core.errors import (
    ContentEncodingError,
    IngestError,
    ItemError,
    StoreError,
    TooLargeError,
    TransferTimeoutError,
)
from airnub_core.network.certificates import trusted
from airnub_core.network.limits import Limits
from airnub_core.network.proxies import proxies_of_environment
from airnub_core.network.ssrf import may_connect, refusal, refused_host
from airnub_core.network.targets import Target

RECEIVE_BUFFER = 256 * 1024
"""Bytes that libcurl reads from a connection at once."""
_CLOCK = 0.01
"""Seconds that libcurl's clock and ours may differ by."""
_STOP = 0
"""What the callback for pieces returns to end a transfer."""
_HEADERS_OF_ALL = ["Accept-Encoding: identity", "Accept: */*"]


class Exchange:
    """A handle with its callbacks, used again and again; between `start` and `release` it belongs to one errand."""

    def __init__(self, landing: Landing, user_agent: str) -> None:
        """Make a handle.

        Args:
            landing: where bodies come down.
            user_agent: who asks.
        """
        self.answer: Answer | None = None
        self.last_seen = 0.0
        """When something came last, by the monotonic clock."""
        self.last_progress = 0
        self._landing = landing
        self._proxy_for = proxies_of_environment()
        self._proxied = False
        self._secure = False
        self._lines: list[bytes] = []
        self._limits: Limits | None = None
        self._asks_more = False
        self._stopped: IngestError | None = None
        self._refused: str | None = None
        curl = self.curl = pycurl.Curl()
        curl.setopt(pycurl.NOSIGNAL, 1)
        curl.setopt(pycurl.PROTOCOLS, pycurl.PROTO_HTTP | pycurl.PROTO_HTTPS)
        curl.setopt(pycurl.HTTP_VERSION, pycurl.CURL_HTTP_VERSION_2TLS)
        curl.setopt(pycurl.PATH_AS_IS, 1)
        curl.setopt(pycurl.BUFFERSIZE, RECEIVE_BUFFER)
        curl.setopt(pycurl.USERAGENT, user_agent)
        curl.setopt(pycurl.HTTPHEADER, _HEADERS_OF_ALL)
        curl.setopt(pycurl.NOPROXY, "")  # libcurl reads no_proxy in its own way, and would go where nobody looked
        curl.setopt(pycurl.PROXY, "")  # which proxy is asked is decided here, as for every client
        # Cookies live from a redirect to the next request, and are cleared before another errand.
        curl.setopt(pycurl.COOKIEFILE, "")
        curl.setopt(pycurl.WRITEFUNCTION, self._take)
        curl.setopt(pycurl.HEADERFUNCTION, self._lines.append)
        curl.setopt(pycurl.OPENSOCKETFUNCTION, self._open_socket)
        file, folder = trusted()
        if file is not None:
            curl.setopt(pycurl.CAINFO, file)
        if folder is not None:
            curl.setopt(pycurl.CAPATH, folder)

    @property
    def errand(self) -> Errand:
        """What it runs."""
        assert self.answer is not None, "an exchange that was started"
        return self.answer.errand

    def start(self, errand: Errand) -> None:
        """Make the handle ready to ask.

        Raises:
            RefusedAddressError: the source does not allow the host by its name, or no source may.
        """
        target, limits, curl = errand.target, errand.job.limits, self.curl
        self._lines.clear()
        self._stopped = self._refused = None
        self.answer = Answer(errand, self._landing, self._lines)
        proxy, allowed = self._proxy_for(target.scheme, target.host), limits.allow_private_hosts
        if (refused := refused_host(target.host, allowed, is_resolved_here=proxy is None)) is not None:
            raise refusal(errand.url, target.host, refused, allowed)
        if proxy is not None or self._proxied:
            curl.setopt(pycurl.PROXY, proxy or "")
            self._proxied = proxy is not None
        curl.setopt(pycurl.URL, target.url)
        if (secure := target.scheme == "https") != self._secure:
            # Streams of one connection rather than connections, where there is HTTP/2.
            curl.setopt(pycurl.PIPEWAIT, secure)
            self._secure = secure
        spent = monotonic() - errand.started
        if limits is not self._limits or spent > _CLOCK:
            left = limits.total_timeout - spent
            curl.setopt(pycurl.CONNECTTIMEOUT_MS, max(1, round(limits.connect_timeout * 1000)))
            curl.setopt(pycurl.TIMEOUT_MS, max(1, round(left * 1000)))
            curl.setopt(pycurl.MAXFILESIZE_LARGE, limits.max_bytes)
            self._limits = None if spent > _CLOCK else limits
        more = errand.asks()
        if more or self._asks_more:
            curl.setopt(pycurl.HTTPHEADER, [*_HEADERS_OF_ALL, *more])
            self._asks_more = bool(more)

    @property
    def progress(self) -> int:
        """Something that grows whenever anything comes."""
        return len(self._lines) + (self.answer.received if self.answer is not None else 0)

    @property
    def connected(self) -> bool:
        """Whether the request could be sent; until then other time limits hold."""
        return bool(self.curl.getinfo(pycurl.REQUEST_SIZE) > 0)

    @property
    def before_request(self) -> float:
        """Seconds from its start until the connection was there, 0 for one that was there before.

        Not PRETRANSFER_TIME: libcurl takes that after it has sent the request, when the server may have answered.
        """
        return max(float(self.curl.getinfo(pycurl.CONNECT_TIME)), float(self.curl.getinfo(pycurl.APPCONNECT_TIME)))

    def stop(self, error: ItemError) -> None:
        """It is to end with this error."""
        self._stopped = error

    def end(self, code: int, message: str) -> Target | None:
        """What came of it: `None` for an answer that counts, or where it sends on to.

        Args:
            code: libcurl's, 0 for none.
            message: libcurl's words.

        Raises:
            ItemError: it failed; the errand's body is what can be resumed.
            StoreError: the disk did not take the body.
        """
        answer = self.answer
        assert answer is not None, "an exchange that was started"
        try:
            if not answer.status and self._stopped is None and answer.has_headers:
                answer.begin()
            error = self._stopped if self._stopped is not None or not code else self._failure(answer, code, message)
            if error is None:
                return answer.end()
            raise error
        except IngestError as error:
            answer.give_up(for_good=isinstance(error, TooLargeError | ContentEncodingError | StoreError))
            raise

    def release(self) -> None:
        """The errand needs the handle no more."""
        if self.curl.getinfo(pycurl.INFO_COOKIELIST):
            self.curl.setopt(pycurl.COOKIELIST, "ALL")
        self.answer = None

    def _take(self, piece: bytes) -> int | None:
        """Libcurl's callback for a piece of the body."""
        answer = self.answer
        assert answer is not None, "an exchange that was started"
        try:
            answer.take(piece)
        except IngestError as error:
            self._stopped = error
            return _STOP
        except OSError as error:
            self._stopped = StoreError.of(error, "the store")
            return _STOP
        return _STOP if answer.is_unwanted else None

    def _open_socket(self, _purpose: int, address: Any) -> Any:
        """Libcurl's callback before a connection: here is the address that is really connected to; a proxy's is its own
        affair.
        """
        family, kind, protocol, place = address
        peer = place[0] if isinstance(place, tuple) else place
        peer = peer.decode() if isinstance(peer, bytes) else str(peer)
        errand = self.errand
        if not self._proxied and not may_connect(errand.target.host, peer, errand.job.limits.allow_private_hosts):
            self._refused = peer
            return pycurl.SOCKET_BAD
        return _Socket(family, kind, protocol)

    def _failure(self, answer: Answer, code: int, message: str) -> ItemError | None:
        """The error of libcurl, in our words; `None` where we ended an answer that has all we want."""
        errand, limits = answer.errand, answer.errand.job.limits
        if self._refused is not None:
            return refusal(errand.url, errand.target.host, self._refused, limits.allow_private_hosts)
        if answer.is_unwanted:
            return None
        if code == pycurl.E_FILESIZE_EXCEEDED:
            return TooLargeError(errand.url, limits.max_bytes)
        if code == pycurl.E_OPERATION_TIMEDOUT:
            if monotonic() - errand.started < limits.total_timeout - _CLOCK:
                return TransferTimeoutError(errand.url, "connect_timeout", limits.connect_timeout)
            return TransferTimeoutError(errand.url, "total_timeout", limits.total_timeout)
        return error_of(answer, code, message, self.curl.getinfo(pycurl.OS_ERRNO))


class _Socket(socket.socket):
    """A socket that libcurl has made its own copy of when this one is forgotten."""

    def __del__(self) -> None:
        self.close()
