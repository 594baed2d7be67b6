"""Limits: network settings of a source as a plain value (defaults: `settings`), and the most memory of responses.

`max_bytes` limits the decoded body of each response, wherever it is kept: `response` counts arriving bytes, and
`curl_handle` passes the limit to libcurl, too. A larger body fails with `TooLargeError`. Memory has its own limits:

| body | in memory | beyond it |
|---|---|---|
| of a file | `SMALL` | is written to a file, through buffers |
| of a page of an API | the same; then the complete page, to be parsed | `TooLargeError` |
| buffers of all files of a call | `FILE_BUFFERS` | transfers wait until a buffer is written to disk (1) |
| buffers of all single requests (`Engine.get`) | `SINGLE_BUFFERS` | the same |
| of a web page or a sitemap (`Engine.peek`) | the complete body, up to the limit of the caller | `TooLargeError` |
| of a robots.txt | the complete body, up to 512 KiB whatever `max_bytes` | is cut off |
| read as a stream (`Engine.client`) | `SMALL` until delivery, then `MOST_HELD` | is delivered; the transfer pauses |
| of a redirect or an error | `MAX_UNWANTED` | is cut off |

(1) A call takes more if one buffer of `large_file.SMALLEST` bytes for each connection, and `SPARE`, need more.

The records of an API stay in memory until its last page. HTML above a limit is parsed in a process of its own
(`sources.html`); uploads have `store.bucket.MEMORY`.
"""

import os
import resource
from typing import NamedTuple

from airnub_core.http.ssrf import Allowed

SMALL = 64 * 1024
"""Size in bytes up to which a body is kept in memory."""
MOST_HELD = 256 * 1024
"""Buffered bytes of a streamed body at which its writer pauses; the last chunk may exceed it."""
FILE_BUFFERS = 32 * 1024 * 1024
"""Total size in bytes of the buffers for large files, shared by all downloading processes."""
SINGLE_BUFFERS = 8 * 1024 * 1024
"""Total size in bytes of the buffers for large bodies of single requests."""
MAX_UNWANTED = 64 * 1024
"""Most bytes read of the body of a redirect or error, so that the connection can be reused; the rest is cut off."""
_FILES_LEFT = 32
"""Number of file descriptors reserved for the rest of this process."""
MAX_INTERIM = 1000
"""Most interim responses (1xx) before a response. A server that sends 102 every ten seconds sends 360 per hour."""


class Limits(NamedTuple):
    """The limits of one source, named as in `NetworkSettings`; times in seconds, sizes in bytes."""

    connections: int
    connections_per_host: int
    requests_per_second_per_host: float | None
    max_bytes: int
    connect_timeout: float
    stall_timeout: float
    total_timeout: float
    attempts: int
    max_redirects: int
    allow_private_hosts: Allowed


def connections_for_open_files() -> int:
    """Most connections that the limit of open files allows: each needs a socket, and a file for a large body."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return 1024
    try:
        used = len(os.listdir("/dev/fd"))  # noqa: PTH208  # iterdir would make a Path of each
    except OSError:
        used = 0
    return max(1, (soft - used - _FILES_LEFT) // 2)
