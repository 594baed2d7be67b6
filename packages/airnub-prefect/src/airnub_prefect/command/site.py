"""The `site` command: serve sample data of departments until Ctrl-C, for runs without internet."""

import html
import signal
import threading
from collections.abc import Iterable, Mapping

from airnub_core.sample_site import Asked, Reply, Route, SampleSite
from airnub_prefect.command.display import echo_err
from airnub_prefect.exit_codes import COMPLETED


class Site(SampleSite):
    """A sample site that does not record requests, since it may run for months."""

    def reply(self, asked: Asked) -> Reply:
        """The response to a request."""
        try:
            return super().reply(asked)
        finally:
            self.asked.clear()


def serve(name: str, routes: Mapping[str, Route], host: str, port: int) -> int:
    """Serve sample data, and a page that lists them, until SIGTERM or Ctrl-C.

    Args:
        name: name of the department, or of several.
        routes: routes of their demos.
        host: an address of this machine; `0.0.0.0` for all of them.
        port: port to listen on; 0 for a free one.

    Returns:
        The exit status, 0.

    Raises:
        OSError: the port is taken.
        OverflowError: the port is out of range.
    """
    stopped = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopped.set())
    with Site({"/": Reply(_index(name, routes), headers=_HTML), **routes}, host=host, port=port) as site:
        echo_err(f"The sample site of {name} is served on {site.url('/')}")
        stopped.wait()
    return COMPLETED


_HTML = {"Content-Type": "text/html; charset=utf-8"}


def _index(name: str, paths: Iterable[str]) -> bytes:
    items = "\n".join(f'<li><a href="{path}">{path}</a></li>' for path in map(html.escape, sorted(paths)))
    return f"<!doctype html>\n<title>Sample site of {name}</title>\n<ul>\n{items}\n</ul>\n".encode()
