"""A paginated API on loopback, in a separate process, whose responses are prepared in advance."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

from benchmarks.datasets.inputs import record
from benchmarks.ingest.timing import ROOT


@contextmanager
def served(pages: int, of_a_page: int) -> Iterator[str]:
    """The URL of the API, with pages `?page=1` and so on; the page after the last one has no records."""
    command = [sys.executable, "-m", "benchmarks.datasets.pages", str(pages), str(of_a_page)]
    server = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    try:
        assert server.stdout is not None
        yield f"http://127.0.0.1:{int(server.stdout.readline())}/records"
    finally:
        server.terminate()
        server.wait()
        if server.stdout is not None:
            server.stdout.close()


def main(pages: int, of_a_page: int) -> None:
    """Serve until the process ends; prints its port first."""
    answers = [
        json.dumps({"records": [record(page * of_a_page + number) for number in range(of_a_page)]}).encode()
        for page in range(pages)
    ]
    nothing = b'{"records": []}'

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1

        def do_GET(self) -> None:
            page = int(parse_qs(urlsplit(self.path).query).get("page", ["1"])[0])
            answer = answers[page - 1] if page <= pages else nothing
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_arguments: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        print(server.server_port, flush=True)
        server.serve_forever()


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
