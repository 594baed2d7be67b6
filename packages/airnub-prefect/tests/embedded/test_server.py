"""The embedded server."""

import os
import shutil
import socket
import ssl
import subprocess
import sys
import threading

import pytest

from airnub_prefect.embedded.server import EmbeddedServer, wait_for_api
from airnub_prefect.errors import EmbeddedServerError


@pytest.fixture(autouse=True)
def imports_nothing(monkeypatch):
    """What the first flow needs is not needed here."""
    monkeypatch.setattr("airnub_prefect.embedded.server._NEEDED_SOON", ())


def is_gone(pid):
    """Whether a process has ended, and was waited for."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


def test_prefect_is_pointed_at_it_while_it_runs(tmp_path, monkeypatch):
    """The environment is as before afterwards; a server that was not waited for has nothing to record and is killed."""
    monkeypatch.setenv("PREFECT_API_URL", "http://before/api")
    with EmbeddedServer(home=tmp_path / "home") as server:
        pid = server._process.pid
        assert os.environ["PREFECT_API_URL"] == server.url
        assert server.url.startswith("http://127.0.0.1:")
    assert os.environ["PREFECT_API_URL"] == "http://before/api"
    assert is_gone(pid)


def test_it_leaves_no_files_but_the_database(tmp_path):
    """Its log has no name, so that nothing is left however its owner ends."""
    with EmbeddedServer(home=tmp_path) as server:
        names = {path.name for path in tmp_path.iterdir()}
        assert server.database == tmp_path / "prefect.db"
    assert {name for name in names if not name.lstrip(".").startswith("prefect.db")} == set()


def test_homes(tmp_path, monkeypatch):
    """A home is named, else that of the environment, else below the user's; always absolute."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PREFECT_HOME", "relative")
    assert EmbeddedServer().database == tmp_path / "relative" / "prefect.db"
    monkeypatch.setenv("PREFECT_HOME", "~/x")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert EmbeddedServer().database == tmp_path / "x" / "prefect.db"
    monkeypatch.delenv("PREFECT_HOME")
    assert EmbeddedServer().database == tmp_path / ".prefect" / "prefect.db"


@pytest.mark.system
def test_log_tail(tmp_path):
    """The error of a failed start has the end of the log."""
    (tmp_path / "prefect.db").write_bytes(b"garbage" * 1000)
    with EmbeddedServer(home=tmp_path) as server, pytest.raises(EmbeddedServerError) as error:
        server.wait_until_ready()
    assert "expected the embedded Prefect server to start" in str(error.value)
    assert "file is not a database" in str(error.value)


def test_ctrl_c_while_it_is_drained(tmp_path, monkeypatch):
    """Unsent events are lost, and no process is left."""

    def interrupted():
        raise KeyboardInterrupt

    monkeypatch.setattr("airnub_prefect.embedded.server.drain", interrupted)
    server = EmbeddedServer(home=tmp_path)
    pid = server.start()
    with pytest.raises(KeyboardInterrupt), server:
        server._ready = True
    assert is_gone(pid)


def test_a_server_that_was_killed(tmp_path):
    """Leaving the block raises no error."""
    with EmbeddedServer(home=tmp_path) as server:
        server._process.kill()
        server._process.wait()
        server._ready = True


def test_a_server_that_does_not_stop(tmp_path, monkeypatch):
    """It is killed after a timeout."""
    monkeypatch.setattr("airnub_prefect.embedded.server.STOP_WITHIN", 0.01)
    server = EmbeddedServer(home=tmp_path)
    code = "import signal; signal.signal(15, signal.SIG_IGN); print('up', flush=True); signal.pause()"
    server._log = (tmp_path / "log").open("wb")
    server._process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
    process = server._process
    process.stdout.readline()
    with process.stdout, pytest.raises(subprocess.TimeoutExpired):
        server.stop()
    assert process.returncode == -9
    server.stop()  # nothing is left to be stopped


def test_a_detached_server(tmp_path):
    """It runs without the object, and ends with its owner."""
    owner = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    with owner:
        server = EmbeddedServer(owner=owner.pid, home=tmp_path)
        pid = server.start()
        server.detach()
        server.stop()  # it is not this object's any more
        assert not is_gone(pid)
        os.kill(pid, 15)
        os.waitpid(pid, 0)
        owner.communicate()


@pytest.mark.skipif(shutil.which("openssl") is None, reason="makes a certificate with openssl")
def test_an_untrusted_certificate_counts_as_an_answer(tmp_path):
    """Prefect's own settings decide which certificates are trusted."""
    key, certificate = tmp_path / "key.pem", tmp_path / "cert.pem"
    request = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=localhost", "-days", "1"]
    subprocess.run([*request, "-keyout", key, "-out", certificate], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)

    def handshake():
        connection, _ = listening.accept()
        with connection, pytest.raises(ssl.SSLError):
            context.wrap_socket(connection, server_side=True)

    with socket.create_server(("127.0.0.1", 0)) as listening:
        shaking = threading.Thread(target=handshake)
        shaking.start()
        wait_for_api(f"https://127.0.0.1:{listening.getsockname()[1]}/api", 10)
        shaking.join()
