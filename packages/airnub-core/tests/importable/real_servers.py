"""Real servers that tests share, those of the house as a whole among them: PostgreSQL and S3, as fixtures.

They are for whoever imports them into a conftest.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
import uuid
from pathlib import Path

import pytest

from airnub_core.store.location import BucketAddress


class PostgresServer:
    """A real PostgreSQL of the machine's own binaries, in a folder of its own, reached by a socket in it."""

    USER, PASSWORD = "airnub", "pass word/of:tests@"

    def __init__(self, binaries):
        self._binaries = binaries
        # PostgreSQL refuses to run as root, and a socket's path may have 107 bytes: not pytest's own folders.
        self._folder = Path(tempfile.mkdtemp(prefix="airnub-pg-"))
        self._as = {"user": "nobody", "group": 65534, "extra_groups": []} if os.geteuid() == 0 else {}
        try:
            password = self._folder / "password"
            password.write_text(self.PASSWORD)
            if self._as:
                for path in (self._folder, password):
                    shutil.chown(path, self._as["user"], self._as["group"])
            self._run(
                "initdb", "--pgdata", self._folder / "data", "--username", self.USER, "--pwfile", password,
                "--auth=scram-sha-256", "--encoding=UTF8", "--locale=C", "--no-sync", "--no-instructions",
            )  # fmt: skip
            self._process = self._start()
        except BaseException:
            shutil.rmtree(self._folder)
            raise

    @property
    def url(self):
        """Of its first database, with the password."""
        return f"postgresql://{self.USER}:pass%20word%2Fof%3Atests%40@/postgres?host={self._folder}"

    def restart(self):
        """Every connection breaks; it returns when the server answers again."""
        self._stop()
        self._process = self._start()

    def close(self):
        """End it, and remove what it kept."""
        self._stop()
        shutil.rmtree(self._folder)

    def _run(self, name, *arguments):
        done = subprocess.run(
            [self._binaries / name, *arguments],
            cwd=self._folder,
            capture_output=True,
            text=True,
            check=False,
            **self._as,
        )
        assert done.returncode == 0, done.stdout + done.stderr

    def _start(self):
        with (self._folder / "log").open("ab") as log:
            process = subprocess.Popen(
                [
                    self._binaries / "postgres", "-D", self._folder / "data", "-k", self._folder,
                    "-c", "listen_addresses=", "-c", "fsync=off",
                ],
                cwd=self._folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log, **self._as,
            )  # fmt: skip
        import psycopg

        deadline = time.monotonic() + 60
        while True:
            try:
                psycopg.connect(self.url).close()
            except psycopg.OperationalError:
                if process.poll() is not None or time.monotonic() > deadline:
                    process.kill()
                    process.wait()
                    raise AssertionError((self._folder / "log").read_text()) from None
                time.sleep(0.05)
            else:
                return process

    def _stop(self):
        self._process.send_signal(signal.SIGINT)  # PostgreSQL's "fast": connections are ended, nothing is waited for
        self._process.wait()


def postgres_binaries():
    """Where the machine has PostgreSQL, if anywhere: the folder of its programs."""
    found = shutil.which("initdb")
    folders = [Path(found).resolve().parent] if found else []
    folders += sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: float(path.parent.name), reverse=True)
    return next((folder for folder in folders if (folder / "initdb").exists() and (folder / "postgres").exists()), None)


@pytest.fixture(scope="session")
def postgres_server():
    """A PostgreSQL that a test may restart; `None` where only `AIRNUB_TEST_POSTGRES_URL` says where one is."""
    binaries = postgres_binaries()
    if binaries is not None:
        server = PostgresServer(binaries)
        yield server
        server.close()
    elif "AIRNUB_TEST_POSTGRES_URL" in os.environ:
        yield None
    else:
        reason = (
            "expected PostgreSQL, found neither its programs (initdb on the PATH or in /usr/lib/postgresql) nor "
            "AIRNUB_TEST_POSTGRES_URL; install one or set the other"
        )
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)


@pytest.fixture
def postgres_url(postgres_server):
    """The URL of a PostgreSQL, with a schema of its own that is dropped afterwards."""
    import psycopg

    url = postgres_server.url if postgres_server else os.environ["AIRNUB_TEST_POSTGRES_URL"]
    schema = f"test_{uuid.uuid4().hex}"
    yield f"{url}{'&' if '?' in url else '?'}schema={schema}"
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f'DROP SCHEMA IF EXISTS "{schema}" CASCADE')


class S3:
    """A real S3 server on loopback, in a process of its own."""

    secret = "hunter2-the-secret-key"

    def __init__(self, endpoint):
        self.endpoint = endpoint
        self._buckets = 0

    def bucket(self, name="bucket", prefix="a/prefix"):
        """The address of a new bucket."""
        self._buckets += 1
        name = f"{name}-{self._buckets}"
        self.ask("PUT", f"/{name}")
        return self.address(f"s3://{name}/{prefix}")

    def address(self, url, **options):
        """An address on this server, whether there is such a bucket or not."""
        known = {"access_key_id": "hunter2-the-key", "secret_access_key": self.secret, "region": "us-east-1"}
        return BucketAddress(url, known | {"endpoint": self.endpoint} | options)

    def requests(self, address):
        """What was asked of a bucket: method, key without the prefix, query."""
        place = f"/{address.url.removeprefix('s3://')}"
        bucket = f"/{place.split('/')[1]}"
        return [
            (method, path.removeprefix(place + "/"), query)
            for method, path, query in json.loads(self.ask("GET", "/-/requests"))
            if path.startswith(f"{bucket}/") or (path == bucket and query)
        ]

    def unfinished(self, address):
        """How many uploads in parts were begun in a bucket and neither ended nor given up."""
        return self.ask("GET", f"/{address.url.split('/')[2]}?uploads").count("<Upload>")

    def ask(self, method, path, body=b""):
        """Ask the server for something that a store does not."""
        known = "AWS4-HMAC-SHA256 Credential=x/20200101/us-east-1/s3/aws4_request"
        headers = {"Authorization": known, "Content-Type": "text/plain"}
        request = urllib.request.Request(
            self.endpoint + path, body if method != "GET" else None, headers, method=method
        )
        with urllib.request.urlopen(request) as answer:
            return answer.read().decode()


@pytest.fixture(scope="session")
def s3():
    """A real S3 server; started when the first test asks for it."""
    command = [sys.executable, Path(__file__).parent / "s3_server.py"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        yield S3(f"http://127.0.0.1:{process.stdout.readline().strip()}")
        process.stdin.close()
