"""Cookies: kept by libcurl during a request, and here from one request to the next.

A transfer of a file has cookies of its own, from redirect to redirect: sign-on portals set one, send to another host
and back, and want to see it again. Requests of `Engine.client` share those of their client. A cookie without `Domain`
goes back to its own origin (scheme, host and port) alone; one with a `Domain` goes where RFC 6265 says, and not to a
public suffix.
"""

Origin = tuple[str, str, int]

_HTTP_ONLY = b"#HttpOnly_"


class Cookies:
    """Cookies in the lines of Netscape's format that libcurl reads and writes."""

    def __init__(self) -> None:
        self._lines: dict[tuple[bytes, ...], tuple[bytes, Origin]] = {}
        """By domain, path and name, and by origin where it is bound to it: the line and who set it."""

    def __len__(self) -> int:
        return len(self._lines)

    def lines_for(self, origin: Origin) -> list[bytes]:
        """Those that libcurl may send to an origin; it looks at domain, path and time itself."""
        return [line for line, set_by in self._lines.values() if set_by == origin or _has_domain(line)]

    def learn(self, origin: Origin, before: list[bytes], after: list[bytes]) -> None:
        """What came of a request: new cookies, and those that are gone.

        Args:
            origin: that was asked.
            before: lines that libcurl was given.
            after: lines that it has now.
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
