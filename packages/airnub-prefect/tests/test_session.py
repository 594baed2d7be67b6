"""A session."""

import asyncio
import logging
import os
import signal
import socket
import threading

import pytest

from airnub_core import StoreError
from airnub_prefect import session as session_module
from airnub_prefect.errors import ConfigurationError, EmbeddedServerError, ServerLostError, ServerUnreachableError
from airnub_prefect.session import Session, prefect_session


class Flow:
    """Looks like a flow from outside."""

    def __init__(self, fn):
        self.fn = fn

    def __call__(self, **parameters):
        return self.fn(**parameters)


@pytest.fixture(autouse=True)
def forgotten(monkeypatch):
    """What a session says to Prefect is forgotten with the test."""
    for name in ("PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL", "PREFECT_LOGGING_INTERNAL_LEVEL"):
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    monkeypatch.setattr("logging.raiseExceptions", True)


def run(session, fn, **parameters):
    """Run a function as a flow."""
    return session.run(lambda: Flow(fn), parameters)


@pytest.fixture
def dead_url():
    """The URL of an API that is not there."""
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{reserved.getsockname()[1]}/api"


@pytest.fixture
def health(site):
    """The URL of an API that says that it is well, and can do nothing else."""
    from airnub_core.sample_site import Reply

    site.routes["/api/health"] = Reply(b"true")
    return site.url("/api")


@pytest.mark.parametrize("verbose", [False, True])
def test_warnings_of_the_library_are_printed(health, monkeypatch, capsys, verbose):
    """By the session if Prefect's logs are not printed; the warning of a damaged index was lost."""
    monkeypatch.setenv("PREFECT_API_URL", health)
    with prefect_session(verbose=verbose):
        logging.getLogger("airnub_core.store.factory").warning("the index is damaged")
    printed = capsys.readouterr().err.count("warning: the index is damaged\n")
    assert printed == (not verbose)
    assert [type(one) for one in logging.getLogger("airnub_core").handlers].count(logging.StreamHandler) == 0


def test_warnings_are_not_printed_beside_prefects_console(health, monkeypatch, capsys):
    """With a level that the user has set, Prefect prints them; they were there twice."""
    monkeypatch.setenv("PREFECT_API_URL", health)
    monkeypatch.setenv("PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL", "INFO")
    with prefect_session():
        logging.getLogger("airnub_core.store.factory").warning("the index is damaged")
    assert "warning: " not in capsys.readouterr().err


def test_flows_are_run_with_what_they_take(health):
    """Async or not, a flow gets the parameters that it has, and no others: not every stage knows `force`."""

    async def asks(settings, force):
        return settings, force

    def does_not(settings):
        return settings

    session = Session(None, health)
    assert run(session, asks, settings=1, force=True) == (1, True)
    assert run(session, does_not, settings=1, force=True) == 1


def test_what_a_flow_raises_comes_out(health):
    """A broken flow is not mistaken for a lost server."""

    async def broken():
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        run(Session(None, health), broken)


def test_a_server_that_is_lost_on_the_way(dead_url):
    """Whatever a flow fails with without its server, the message names the server."""

    async def broken():
        raise RuntimeError("client has been closed")

    with pytest.raises(
        ServerLostError, match=rf"{dead_url} stopped answering while the flow ran: .*refused.* are safe"
    ):
        run(Session(None, dead_url), broken)


def test_sigterm_is_like_ctrl_c(health):
    """SIGTERM raises KeyboardInterrupt, as Ctrl-C does."""
    from prefect.exceptions import TerminationSignal

    async def asked_to_end():
        raise TerminationSignal(signal.SIGTERM)

    with pytest.raises(KeyboardInterrupt):
        run(Session(None, health), asked_to_end)


def test_a_failed_stage_is_reported_without_a_server(dead_url):
    """Configuration errors are raised as they are, even if the server is unreachable."""

    async def mistaken():
        raise ConfigurationError.of("a.yaml", "broken")

    with pytest.raises(ConfigurationError):
        run(Session(None, dead_url), mistaken)


def test_a_server_that_is_configured_is_used(monkeypatch, health):
    """No server is started where one is configured."""
    monkeypatch.setenv("PREFECT_API_URL", health)
    with prefect_session() as session:
        assert (session.server, session.url) == (None, health)


def test_a_server_that_is_not_there(monkeypatch, dead_url):
    """One line says which, why, and what to do."""
    monkeypatch.setenv("PREFECT_API_URL", dead_url)
    with pytest.raises(ServerUnreachableError) as error, prefect_session():
        pass
    message = str(error.value)
    assert f"expected a Prefect server at {dead_url} (PREFECT_API_URL), found none: [Errno" in message
    assert "unset PREFECT_API_URL" in message
    assert "\n" not in message


@pytest.mark.parametrize("url", ["no url", "http://", "file:///etc/passwd", "http://127.0.0.1:99999/api"])
def test_an_invalid_url(monkeypatch, url):
    """The error is that of an unreachable server."""
    monkeypatch.setenv("PREFECT_API_URL", url)
    with pytest.raises(ServerUnreachableError), prefect_session():
        pass


def test_something_else_answers(monkeypatch, site):
    """A web site without an API is no server; nor is what does not speak HTTP."""
    monkeypatch.setenv("PREFECT_API_URL", site.url("/api"))
    with pytest.raises(ServerUnreachableError, match="Not Found"), prefect_session():
        pass
    with socket.create_server(("127.0.0.1", 0)) as listening:
        greeter = threading.Thread(target=_greet, args=(listening,))
        greeter.start()
        monkeypatch.setenv("PREFECT_API_URL", f"http://127.0.0.1:{listening.getsockname()[1]}/api")
        with (
            pytest.raises(ServerUnreachableError, match=r"expected HTTP, found: SSH-2\.0"),
            prefect_session(),
        ):
            pass
        greeter.join()


def _greet(listening):
    connection, _ = listening.accept()
    with connection:
        connection.recv(1000)
        connection.sendall(b"SSH-2.0-OpenSSH_9.6\r\n")


def test_a_server_that_does_not_answer_in_time(monkeypatch, site):
    """The wait has a timeout."""
    from airnub_core.sample_site import Reply

    released = threading.Event()

    def hang(_asked):
        released.wait()
        return Reply()

    site.routes["/api/health"] = hang
    monkeypatch.setattr(session_module, "ANSWER_WITHIN", 0.1)
    monkeypatch.setenv("PREFECT_API_URL", site.url("/api"))
    try:
        with pytest.raises(ServerUnreachableError, match="timed out"), prefect_session():
            pass
    finally:
        released.set()


@pytest.mark.parametrize("status", [401, 403])
def test_a_server_that_requires_authentication(monkeypatch, site, status):
    """It counts as reachable; Prefect's settings have the credentials."""
    from airnub_core.sample_site import Reply

    site.routes["/api/health"] = Reply(status=status)
    monkeypatch.setenv("PREFECT_API_URL", site.url("/api"))
    with prefect_session() as session:
        assert session.server is None


def test_a_home_that_cannot_be_written(monkeypatch, tmp_path):
    """The embedded server says so, and is not waited for."""
    (tmp_path / "home").write_text("in the way")
    for name in [name for name in os.environ if name.startswith("PREFECT")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PREFECT_HOME", str(tmp_path / "home"))
    with pytest.raises(EmbeddedServerError, match=rf"File exists: '{tmp_path}/home'"), prefect_session():
        pass


def test_prefect_is_quiet(monkeypatch, health):
    """Prefect's console log is off by default, on with `verbose`, and follows variables that are set."""
    name = "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL"
    monkeypatch.setenv("PREFECT_API_URL", health)
    monkeypatch.setenv(name, "INFO")
    with prefect_session():
        assert os.environ[name] == "INFO"
    monkeypatch.delenv(name)
    with prefect_session(verbose=True):
        assert name not in os.environ
    with prefect_session():
        assert os.environ[name] == "CRITICAL"


def test_a_full_store_is_no_lost_server(health):
    """Errors of the store are handed on."""

    async def full():
        raise StoreError("/store", "No space left on device")

    with pytest.raises(StoreError):
        run(Session(None, health), full)


def test_logs_that_a_lost_server_does_not_take_are_not_printed(health, monkeypatch, capsys):
    """The error at the end names the server once; `--verbose` prints each failed log request."""
    from prefect.logging.handlers import APILogWorker

    class Client:
        async def request(self, *_, **__):
            raise OSError("All connection attempts failed")

    def send():
        worker = APILogWorker.__new__(APILogWorker)
        worker._client = Client()
        asyncio.run(worker._handle_batch([b"{}"]))
        return capsys.readouterr().err

    monkeypatch.setenv("PREFECT_API_URL", health)
    with prefect_session(verbose=True):
        assert "All connection attempts failed" in send()
    with prefect_session():
        assert send() == ""
    assert "All connection attempts failed" in send()
