"""Curl handle: send one request with a reusable libcurl handle, within the limits of its source."""

import socket
from time import monotonic
from typing import Any

import pycurl

from airnub_core.errors import (
    ContentEncodingError,
    IngestError,
    ItemError,
    StoreError,
    TooLargeError,
    TransferTimeoutError,
)
from airnub_core.http.cookies import Cookies
from airnub_core.http.curl_errors import error_of
from airnub_core.http.limits import MAX_UNWANTED
from airnub_core.http.proxies import ProxyFor
from airnub_core.http.request import IDEMPOTENT, Transfer
from airnub_core.http.response import ResponseReader
from airnub_core.http.ssrf import may_connect, refusal, refused_host
from airnub_core.http.tls import trusted
from airnub_core.http.url import Url
from airnub_core.store.clock import timestamp

RECEIVE_BUFFER = 256 * 1024
"""Size of libcurl's receive buffer, in bytes."""
_CLOCK = 0.01
"""Tolerated difference between libcurl's clock and Python's, in seconds."""
_STOP = 0
"""Return value of the write callback that aborts the transfer."""
_HEADERS_OF_ALL = ["Accept-Encoding: identity"]


class CurlHandle:
    """A reusable libcurl handle with its callbacks; `start` gives it to a transfer, until the client takes it back."""

    def __init__(self, user_agent: str, proxy_for: ProxyFor) -> None:
        self.transfer: Transfer
        """The current transfer; absent while the handle is idle."""
        self.reader: ResponseReader
        """The reader of its response; absent while the handle is idle."""
        self.last_seen = 0.0
        """Time at which the last bytes were received, by the monotonic clock."""
        self.last_progress = 0
        self.is_paused = False
        """Whether the download is paused until part of the body has been consumed."""
        self.waits_for_content = False
        """Whether the upload is paused until more of the request body is available."""
        self._sent = 0
        self._cookies: list[bytes] = []
        self._is_plain = True
        """Whether the handle is configured for a GET without a body."""
        self._proxy_for = proxy_for
        self._proxied = False
        self._lines: list[bytes] = []
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
        curl.setopt(pycurl.NOPROXY, "")  # libcurl interprets no_proxy differently, and does not check addresses
        curl.setopt(pycurl.PROXY, "")  # the proxy is chosen in `proxies`, as for every client
        curl.setopt(pycurl.COOKIEFILE, "")  # an empty name enables the cookie engine without a file
        curl.setopt(pycurl.WRITEFUNCTION, self._take)
        curl.setopt(pycurl.READFUNCTION, self._read)
        curl.setopt(pycurl.HEADERFUNCTION, self._lines.append)
        curl.setopt(pycurl.OPENSOCKETFUNCTION, self._open_socket)
        curl.setopt(pycurl.PREREQFUNCTION, self._check_connection)
        file, folder = trusted()
        if file is not None:
            curl.setopt(pycurl.CAINFO, file)
        if folder is not None:
            curl.setopt(pycurl.CAPATH, folder)

    def start(self, transfer: Transfer) -> None:
        """Configure the handle for a transfer.

        Raises:
            RefusedAddressError: the host name is blocked for this source, or for all sources.
        """
        target, limits, curl = transfer.target, transfer.limits, self.curl
        self.transfer = transfer
        self._lines.clear()
        self._stopped = self._refused = None
        self.is_paused = self.waits_for_content = False
        self._sent = 0
        self.reader = ResponseReader(transfer, self._lines)
        proxy, allowed = self._proxy_for(target.scheme, target.host), limits.allow_private_hosts
        if (refused := refused_host(target.host, allowed, is_resolved_here=proxy is None)) is not None:
            raise refusal(transfer.url, target.host, refused, allowed)
        self._proxied = proxy is not None
        curl.setopt(pycurl.PROXY, proxy or "")
        curl.setopt(pycurl.URL, target.url)
        # With HTTP/2, wait for a stream of an existing connection instead of opening a new connection.
        curl.setopt(pycurl.PIPEWAIT, target.scheme == "https")
        left = limits.total_timeout - (monotonic() - transfer.started)
        curl.setopt(pycurl.CONNECTTIMEOUT_MS, max(1, round(limits.connect_timeout * 1000)))
        curl.setopt(pycurl.TIMEOUT_MS, max(1, round(left * 1000)))
        # If bodies of errors are wanted too, libcurl cannot know which body the limit applies to.
        is_counted_here = transfer.sink.cuts or transfer.sink.takes_all
        curl.setopt(pycurl.MAXFILESIZE_LARGE, 0 if is_counted_here else max(limits.max_bytes, MAX_UNWANTED))
        more = transfer.header_lines()
        if transfer.content is not None:
            more.append("Expect:")  # otherwise libcurl waits a second for servers that do not support it
        has_encoding = transfer.headers and "accept-encoding" in map(str.lower, transfer.headers)
        curl.setopt(pycurl.HTTPHEADER, more if has_encoding else [*_HEADERS_OF_ALL, *more])
        if transfer.method != "GET" or transfer.content is not None or not self._is_plain:
            self._set_method(transfer)
        if transfer.cookies:
            self._cookies = transfer.cookies.lines_for(target.origin)
            for line in self._cookies:
                curl.setopt(pycurl.COOKIELIST, line)
        # Sent in one header with the cookies that servers have set.
        cookie = transfer.headers.get("cookie")
        curl.setopt(pycurl.COOKIE, cookie) if cookie else curl.unsetopt(pycurl.COOKIE)

    def _set_method(self, transfer: Transfer) -> None:
        curl, content = self.curl, transfer.content
        curl.setopt(pycurl.HTTPGET, 1)  # resets the body and the method HEAD of the previous transfer
        curl.unsetopt(pycurl.CUSTOMREQUEST)
        self._is_plain = transfer.method == "GET" and content is None
        # libcurl repeats a request by itself if a reused connection turns out to be closed.
        curl.setopt(pycurl.FRESH_CONNECT, transfer.most_attempts == 1 and transfer.method not in IDEMPOTENT)
        if transfer.method == "HEAD":
            curl.setopt(pycurl.NOBODY, 1)
            return
        if content is not None:
            curl.setopt(pycurl.UPLOAD, 1)
            curl.setopt(pycurl.INFILESIZE_LARGE, -1 if content.size is None else content.size)
        if not self._is_plain:
            curl.setopt(pycurl.CUSTOMREQUEST, transfer.method)

    @property
    def progress(self) -> int:
        """A counter that increases whenever bytes are received or sent."""
        return len(self._lines) + self._sent + self.reader.received

    @property
    def connected(self) -> bool:
        """Whether the request was sent; until then the connect timeout applies."""
        return bool(self.curl.getinfo(pycurl.REQUEST_SIZE) > 0)

    def stop(self, error: ItemError) -> None:
        """Set the error with which the transfer ends."""
        self._stopped = error

    def end(self, code: int, message: str) -> Url | None:
        """Finish a transfer that ended with a code of libcurl, 0 for success; return the target of a redirect, if any.

        Raises:
            ItemError: the transfer failed; its body can be resumed if it has resume information.
            StoreError: the body could not be written.
        """
        reader = self.reader
        self.keep_cookies(reader.transfer)
        try:
            # When the connection was established, at once for a reused one. Not PRETRANSFER_TIME: libcurl takes it
            # after sending the request, when the server may have responded already.
            connected = max(self.curl.getinfo(pycurl.CONNECT_TIME), self.curl.getinfo(pycurl.APPCONNECT_TIME))
            reader.sent_at = timestamp(reader.transfer.request.clock + reader.transfer.sent + connected)
            if not reader.status and self._stopped is None and reader.has_headers:
                reader.begin()
            error = self._stopped if self._stopped is not None or not code else self._failure(reader, code, message)
            if error is None:
                return reader.end()
            raise error
        except IngestError as error:
            reader.give_up(for_good=isinstance(error, TooLargeError | ContentEncodingError | StoreError))
            raise

    def keep_cookies(self, transfer: Transfer) -> None:
        """Move the cookies that servers have set from the handle to the transfer."""
        lines = self.curl.getinfo_raw(pycurl.INFO_COOKIELIST)
        if lines or self._cookies:
            if transfer.cookies is None:
                transfer.cookies = Cookies()
            transfer.cookies.learn(transfer.target.origin, self._cookies, lines)
            self.curl.setopt(pycurl.COOKIELIST, "ALL")
            self._cookies = []

    def _take(self, piece: bytes) -> int | None:
        """Write callback of libcurl: receive a chunk of the response body."""
        reader = self.reader
        if reader.body is not None and reader.body.is_full:
            self.is_paused = True
            return pycurl.WRITEFUNC_PAUSE
        try:
            reader.take(piece)
        except IngestError as error:
            self._stopped = error
            return _STOP
        except OSError as error:
            self._stopped = StoreError.of(error, "the store")
            return _STOP
        if reader.body is None or reader.is_truncated:
            return _STOP if reader.is_unwanted else None
        return None

    def _read(self, most: int) -> bytes | int:
        """Read callback of libcurl: return a chunk of the request body."""
        content = self.transfer.content
        assert content is not None, "libcurl asks only for a body that there is"
        try:
            piece = content.read(most)
        except IngestError as error:
            self._stopped = error
            return int(pycurl.READFUNC_ABORT)
        if piece is None:
            self.waits_for_content = True
            return int(pycurl.READFUNC_PAUSE)
        self._sent += len(piece)
        return piece

    def go_on(self) -> None:
        """Resume a paused transfer; called in the client's thread."""
        self.is_paused = self.waits_for_content = False
        self.curl.pause(pycurl.PAUSE_CONT)

    def begin_if_silent(self) -> None:
        """Process the headers of a response whose body has not begun.

        Not behind a proxy: its own response comes first, and cannot be distinguished here.

        Raises:
            ItemError: as `ResponseReader.begin`.
        """
        reader = self.reader
        if not reader.status and not self._proxied and self._lines and reader.has_headers:
            reader.begin()

    def _open_socket(self, _purpose: int, address: Any) -> Any:
        """Open-socket callback of libcurl: check the address to which the connection is really made."""
        family, kind, protocol, place = address
        peer = place[0] if isinstance(place, tuple) else place
        is_refused = self._check_connection(peer.decode() if isinstance(peer, bytes) else str(peer), "", 0, 0)
        return pycurl.SOCKET_BAD if is_refused else _Socket(family, kind, protocol)

    def _check_connection(self, peer: str, _local: str, _port: int, _local_port: int) -> int:
        """Pre-request callback of libcurl: check the address of the connection, also of a reused one.

        A connection that was opened for a source with access to private hosts must not serve a source without it.
        """
        transfer = self.transfer
        # Behind a proxy this is the address of the proxy, to which the rules for sources do not apply.
        if self._proxied or may_connect(transfer.target.host, peer, transfer.limits.allow_private_hosts):
            return int(pycurl.PREREQFUNC_OK)
        self._refused = peer
        return int(pycurl.PREREQFUNC_ABORT)

    def _failure(self, reader: ResponseReader, code: int, message: str) -> ItemError | None:
        """Return the engine's error for libcurl's; `None` if the transfer was ended since the response is complete."""
        transfer, limits = reader.transfer, reader.transfer.limits
        if self._refused is not None:
            return refusal(transfer.url, transfer.target.host, self._refused, limits.allow_private_hosts)
        if reader.is_unwanted:
            return None
        if code == pycurl.E_FILESIZE_EXCEEDED:
            return None if reader.is_error else TooLargeError(transfer.url, limits.max_bytes)
        if code == pycurl.E_OPERATION_TIMEDOUT:
            if monotonic() - transfer.started < limits.total_timeout - _CLOCK:
                return TransferTimeoutError(transfer.url, "connect_timeout", limits.connect_timeout)
            return TransferTimeoutError(transfer.url, "total_timeout", limits.total_timeout)
        return error_of(reader, code, message, self.curl.getinfo(pycurl.OS_ERRNO))


class _Socket(socket.socket):
    """A socket whose descriptor libcurl has duplicated by the time that this object is collected."""

    def __del__(self) -> None:
        self.close()
