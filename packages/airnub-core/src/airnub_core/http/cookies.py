"""Cookie jar of a transfer: keeps cookies across redirects. `curl_handle` loads it before each request.

Each file download has its own jar for its redirects, since sign-on portals set a cookie, redirect to a different host
and back, and expect the cookie again. All requests of one `Engine.client` share a jar. A cookie without `Domain` is
sent only to its own origin (scheme, host and port). A cookie with `Domain` is sent according to RFC 6265, and never to
a public suffix.
"""

Origin = tuple[str, str, int]

_HTTP_ONLY = b"#HttpOnly_"


class Cookies:
    """A cookie jar of lines in the Netscape cookie file format, which libcurl reads and writes."""

    def __init__(self) -> None:
        self._lines: dict[tuple[bytes, ...], tuple[bytes, Origin]] = {}
        """Line and origin of each cookie, by domain, path and name, and by origin if the cookie has no `Domain`."""

    def __len__(self) -> int:
        return len(self._lines)

    def lines_for(self, origin: Origin) -> list[bytes]:
        """Return the cookies that may be sent to an origin; libcurl checks domain, path and expiry."""
        return [line for line, set_by in self._lines.values() if set_by == origin or _has_domain(line)]

    def learn(self, origin: Origin, before: list[bytes], after: list[bytes]) -> None:
        """Update the jar after a request: store new cookies, and remove those that the server deleted.

        Args:
            origin: the origin of the request.
            before: the lines passed to libcurl for the request.
            after: the lines that libcurl has after the request.
        """
        had, left = set(before), set(after)
        for line in had - left:
            self._lines.pop(_key(line, origin), None)
        for line in after:
            if line not in had:
                self._lines[_key(line, origin)] = line, origin


def _has_domain(line: bytes) -> bool:
    return line.split(b"\t", 2)[1:2] == [b"TRUE"]


def _key(line: bytes, origin: Origin) -> tuple[bytes, ...]:
    fields = line.removeprefix(_HTTP_ONLY).split(b"\t")
    key = fields[0], fields[2], fields[5]
    return key if _has_domain(line) else (*key, repr(origin).encode())
