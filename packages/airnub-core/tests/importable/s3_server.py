"""An S3 server as a process of its own: moto's, for tests. Prints its port, and ends when its standard input does.

Requests are answered one after the other. S3 looks at the condition of a put and does it in one step; moto takes two,
and several threads come between.

Buckets called `careless-…` ignore conditions, as some older servers do. GET /-/requests says what was asked for.
"""

import json
import logging
import sys
import threading
import time
from functools import lru_cache

from moto.core import serialize
from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import WSGIRequestHandler, make_server

# Moto writes the time of each object of a list by parsing it with dateutil: nearly half of what a list takes.
serialize.parse_to_aware_datetime = lru_cache(maxsize=10_000)(serialize.parse_to_aware_datetime)


class Handler(WSGIRequestHandler):
    """Keeps connections, and is quiet."""

    protocol_version = "HTTP/1.1"

    def log_request(self, *_arguments):
        """Say nothing."""


class Dispatcher(DomainDispatcherApplication):
    """Moto's, which looks for the service of each request among 180 folders: 1 ms more than the answer takes."""

    def get_application(self, environ):
        """S3's, except where moto itself is asked."""
        service = "moto_api" if environ["PATH_INFO"].startswith("/moto-api/") else "s3"
        with self.lock:
            if service not in self.app_instances:
                self.app_instances[service] = self.create_app(service)
            return self.app_instances[service]


class Server:
    """Moto, one request at a time, each of them remembered."""

    def __init__(self, latency=0.0):
        self._moto = Dispatcher(create_backend_app)
        self._turn = threading.Lock()
        self._latency = latency
        self._requests = []

    def __call__(self, environ, start_response):
        """Answer one request."""
        path = environ["PATH_INFO"].encode("latin-1").decode()
        if path == "/-/requests":
            start_response("200 OK", [("Content-Type", "application/json")])
            return [json.dumps(self._requests).encode()]
        if self._latency:  # sleeping for no time gives the processor away
            time.sleep(self._latency)
        if path.startswith("/careless-"):
            environ.pop("HTTP_IF_NONE_MATCH", None)
        with self._turn:
            self._requests.append([environ["REQUEST_METHOD"], path, environ["QUERY_STRING"]])
            return list(self._moto(environ, start_response))


def main():
    """Serve until nobody is there."""
    logging.getLogger("werkzeug").setLevel(logging.CRITICAL)
    latency = float(sys.argv[1]) if len(sys.argv) > 1 else 0.0
    server = make_server("127.0.0.1", 0, Server(latency), threaded=True, request_handler=Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(server.server_port, flush=True)  # noqa: T201  # this is how it is found
    sys.stdin.read()


if __name__ == "__main__":
    main()
