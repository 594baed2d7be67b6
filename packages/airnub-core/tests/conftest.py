"""What the tests of the engine share: real servers on loopback, good and bad ones, and settings that suit them."""

import asyncio
import os
import socket
import sys
import threading
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import settings

from airnub_core import NetworkSettings, ingest_apis, ingest_files, ingest_pages, open_engine
from airnub_core.sample_site import SampleSite

sys.path.insert(0, str(Path(__file__).parent / "importable"))
from misbehaving import MisbehavingServer  # it lies beside this file, for tests alone
from misbehaviours import BEHAVIOURS
from real_servers import postgres_server, postgres_url, s3  # noqa: F401  # fixtures

# No test asserts times; what is found by chance is found by developers, not in a check. `AIRNUB_EXAMPLES` says how many
# examples a sweep draws: few by default, many where `.ci/run` looks at length.
settings.register_profile(
    "airnub", deadline=None, derandomize="CI" in os.environ, max_examples=int(os.environ.get("AIRNUB_EXAMPLES", "25"))
)
settings.load_profile("airnub")


def pytest_make_parametrize_id(config, val, argname):
    """Bytes have no place in a test's name, least of all compressed ones, which differ from second to second."""
    return argname if isinstance(val, bytes) else None


@pytest.fixture
def site():
    """A web site on loopback; tests add routes to it."""
    with SampleSite({}) as running:
        yield running


@pytest.fixture
def network():
    """Loopback is allowed, and nothing is retried unless a test says so."""
    return NetworkSettings(allow_private_hosts=True, attempts=1, connect_timeout=2, stall_timeout=2)


@pytest.fixture
def unused_port():
    """A port of loopback that nobody listens on."""
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        yield reserved.getsockname()[1]


class RawServer:
    """Sends to everyone who asks exactly the bytes it was told, or lets a function talk; then it closes."""

    def __init__(self):
        self.answer = b""
        self.asked = []
        self.over = threading.Event()
        """Set when the test is over: a function that stalls waits for it."""
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    def url(self, path="/"):
        """The URL of a path."""
        return f"http://127.0.0.1:{self._listening.getsockname()[1]}{path}"

    def close(self):
        """End all threads."""
        self.over.set()
        with suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        for thread in self._threads:
            thread.join()

    def _accept(self):
        with suppress(OSError):
            while True:
                connection, _ = self._listening.accept()
                thread = threading.Thread(target=self._talk, args=(connection,))
                self._threads.append(thread)
                thread.start()

    def _talk(self, connection):
        with connection, suppress(OSError):
            connection.settimeout(20)
            asked = b""
            while b"\r\n\r\n" not in asked:
                got = connection.recv(65536)
                if not got:
                    return
                asked += got
            self.asked.append(asked)
            if isinstance(self.answer, bytes):
                connection.sendall(self.answer)
            else:
                self.answer(connection)


@pytest.fixture
def raw_server():
    """A server on loopback that may break every rule."""
    server = RawServer()
    yield server
    server.close()


@pytest.fixture
def serve():
    """Start servers on loopback that misbehave in every way of `misbehaviours`; arguments as for one of them."""
    started = []

    def start(**options):
        started.append(MisbehavingServer(BEHAVIOURS, **options))
        return started[-1]

    yield start
    for server in started:
        server.close()


@pytest.fixture
def server(serve):
    """A server on loopback that misbehaves, one path for each way."""
    return serve()


@pytest.fixture
def run(tmp_path, network):
    """Ingest sources of one kind into the store in `tmp_path`; their outcomes."""

    def ingest(*sources, secret=None, network=network, root=tmp_path, **options):
        ingesting = {"FileSource": ingest_files, "PageSource": ingest_pages, "ApiSource": ingest_apis}
        kind = type(sources[0]).__name__

        async def main():
            async with open_engine(root, network, **options) as engine:
                if kind == "ApiSource":
                    return await ingest_apis(engine, sources, secret or (lambda reference: f"value of {reference}"))
                return await ingesting[kind](engine, sources)

        return asyncio.run(main())

    return ingest


@pytest.fixture
def everything_in(tmp_path):
    """All that a store wrote, file by file as bytes, its index and its folders' names among them."""

    def read(root=tmp_path):
        return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}

    return read
