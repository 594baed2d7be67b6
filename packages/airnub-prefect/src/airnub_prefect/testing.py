"""Pytest fixtures for departments, registered by a plugin entry point of airnub-prefect.

prefect_api    URL of a real Prefect server, started by the first test that uses it, and shared by all processes of a
               test session; tests that use it get the marker `system`
prefect_home   the folder that this server writes into
data_root      a temporary data root
writes_apart   fails a test that writes into the checkout
"""

import builtins
import functools
import gc
import inspect
import io
import json
import os
import shutil
import signal
import ssl
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Generator, Iterator
from contextlib import suppress
from importlib.util import cache_from_source
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

_SHARED = "AIRNUB_TEST_SESSION"
_BYTECODE = ("PYTHONDONTWRITEBYTECODE", "PYTHONPYCACHEPREFIX")
_BEFORE = pytest.StashKey[dict[str, str | None]]()
"""Environment variables of bytecode before the session."""
_STATE, _HOME, _CERTIFICATES = "server.json", "prefect", "certificates.pem"
_STOP_WITHIN = 30.0
_FIRST, _SECOND, _BOTH = slice(0, 1), slice(1, 2), slice(0, 2)
_WRITES: tuple[tuple[ModuleType, str, slice], ...] = (
    *((module, "open", _FIRST) for module in (builtins, io, os)),
    *((os, name, _FIRST) for name in ("mkdir", "remove", "unlink", "rmdir", "truncate")),
    *((os, name, _BOTH) for name in ("rename", "replace")),
    *((os, name, _SECOND) for name in ("link", "symlink")),
)
"""Functions that write: module, name, and the arguments that are paths to write."""
_CACHES = ("__pycache__", ".pytest_cache", ".hypothesis", ".venv", ".git", ".coverage")
"""Folders and files of tools in a checkout, which a test may write."""


def pytest_configure(config: pytest.Config) -> None:
    """Create the folder that all processes of a session share, before pytest-xdist starts them.

    If Python may not write bytecode beside the sources, child processes write it into pytest's cache, or without one
    into this folder: tests start Python hundreds of times, and compiling Prefect takes as long as importing it.
    """
    config.addinivalue_line("markers", "system: needs a Prefect server, or starts whole systems")
    if hasattr(config, "workerinput"):
        return
    folder = tempfile.mkdtemp(prefix="airnub-tests-")
    os.environ[_SHARED] = f"{os.getpid()}:{folder}"
    if sys.dont_write_bytecode and not Path(cache_from_source(pytest.__file__)).exists():
        config.stash[_BEFORE] = {name: os.environ.pop(name, None) for name in _BYTECODE}
        cache = getattr(config, "cache", None)  # missing with `-p no:cacheprovider`
        os.environ["PYTHONPYCACHEPREFIX"] = str(cache.mkdir("bytecode") if cache else Path(folder) / "bytecode")


def pytest_unconfigure(config: pytest.Config) -> None:
    """Stop the server if a test has started it."""
    if hasattr(config, "workerinput") or _SHARED not in os.environ:
        return
    _, folder = _session()
    with suppress(FileNotFoundError):
        _stop(json.loads((folder / _STATE).read_text())["pid"])
    shutil.rmtree(folder, ignore_errors=True)
    if _BEFORE in config.stash:
        _forget_temporary(Path(os.environ["PYTHONPYCACHEPREFIX"]), (config.rootpath, Path(sys.prefix)))
    del os.environ[_SHARED]
    for name, value in config.stash.get(_BEFORE, {}).items():
        os.environ.pop(name, None)
        if value is not None:
            os.environ[name] = value


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Collect without the garbage collector, and freeze the result: imported modules and tests live to the end."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()
        gc.freeze()


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark tests that need a server as `system`, before pytest selects by markers.

    Prefect leaves connections to its API open until the garbage collector finds them, possibly during a later test that
    does not use Prefect. So in a session with Prefect, unclosed sockets are ignored in all tests.
    """
    with_prefect = [item for item in items if "prefect_api" in getattr(item, "fixturenames", ())]
    for item in items if with_prefect else ():
        item.add_marker(pytest.mark.filterwarnings("ignore:unclosed (<socket|transport):ResourceWarning"))
    for item in with_prefect:
        item.add_marker(pytest.mark.system)
        item.add_marker(pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning"))


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown(item: pytest.Item) -> None:
    """Collect unclosed connections of a test before the next one starts."""
    if "prefect_api" in getattr(item, "fixturenames", ()):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ResourceWarning)
            gc.collect()


@pytest.fixture(scope="session")
def prefect_api() -> Iterator[str]:
    """API URL of a real Prefect server with a database of its own, which Prefect in this process uses."""
    # Imported here, since most tests do not need Prefect.
    from prefect.settings import (
        PREFECT_API_SSL_CERT_FILE,
        PREFECT_API_URL,
        PREFECT_SERVER_ALLOW_EPHEMERAL_MODE,
        temporary_settings,
    )

    from airnub_prefect.embedded.server import drain

    url = _shared_server()
    changed = {
        PREFECT_API_URL: url,
        PREFECT_SERVER_ALLOW_EPHEMERAL_MODE: False,
        # A test makes four clients, and each one loads the certificates, 30 ms for the whole bundle, though the server
        # is on loopback and without TLS.
        PREFECT_API_SSL_CERT_FILE: str(_session()[1] / _CERTIFICATES),
    }
    with temporary_settings(changed):
        yield url
        drain()  # queued logs and events, while the server still runs


@pytest.fixture
def prefect_home(prefect_api: str) -> Path:  # noqa: ARG001  # starts the server
    """The folder with the database of the server of `prefect_api`."""
    return _session()[1] / _HOME


@pytest.fixture
def data_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A temporary data root: relative paths in settings are below it."""
    monkeypatch.setenv("AIRNUB_DATA_ROOT", str(tmp_path))
    return tmp_path


@pytest.fixture
def writes_apart(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Fail a test that writes below pytest's root folder: PermissionError at the write, and an assertion at the end.

    A path relative to an open folder cannot be resolved at the write; such a file is looked for afterwards. Only writes
    by Python are detected, and not those of native code such as polars.
    Tests of a department use it in an `autouse` fixture: its runs must write only into temporary folders.
    """
    watch = _Watch(request.config.rootpath.resolve())
    # No audit hook: it cannot be removed, and with one, CPython 3.11 may fail to start a thread under coverage.
    for module, name, paths in _WRITES:
        monkeypatch.setattr(module, name, watch.guarded(getattr(module, name), paths))
    yield
    watch.check()


class _Watch:
    """Detects the writes of one test below a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._found: set[str] = set()
        self._relative: set[str] = set()

    def guarded(self, function: Callable[..., Any], paths: slice) -> Callable[..., Any]:
        """A function that checks its paths, and calls `function` only if they are not below the folder.

        Args:
            function: a function of `os` or `io` that writes.
            paths: the arguments that are paths to write.
        """
        names = list(inspect.signature(function).parameters)[paths]

        @functools.wraps(function)
        def check_and_call(*arguments: Any, **named: Any) -> Any:
            # The second argument of `open` is the mode or the flags.
            how = [*arguments[1:2], *(named[name] for name in ("mode", "flags") if name in named)]
            if function.__name__ != "open" or (how and _is_for_writing(how[0])):
                for path in (*arguments[paths], *(named[name] for name in names if name in named)):
                    self._check(path)
            return function(*arguments, **named)

        return check_and_call

    def check(self) -> None:
        """Fail if a write was attempted."""
        found = self._found | {path for path in self._relative if os.path.lexists(path)}
        assert not found, f"expected writes only into temporary folders, found {', '.join(sorted(found))}"

    def _check(self, path: object) -> None:
        if not isinstance(path, str | bytes | os.PathLike):
            return  # a file descriptor: it was checked when it was opened
        full = Path(os.path.abspath(os.fsdecode(path)))  # noqa: PTH100  # without access to the disk
        inside = full.relative_to(self._folder).parts if full.is_relative_to(self._folder) else ()
        if not inside or any(part.startswith(_CACHES) for part in inside):
            return
        if not os.path.isabs(path):  # noqa: PTH117  # it may be bytes
            self._relative.add(str(full))
            return
        self._found.add(str(full))
        raise PermissionError(f"expected writes only into temporary folders, found {full}")


def _is_for_writing(how: object) -> bool:
    """Whether a mode of `io.open`, or flags of `os.open`, open a file for writing."""
    if isinstance(how, str):
        return not set(how).isdisjoint("wax+")
    return isinstance(how, int) and bool(how & (os.O_WRONLY | os.O_RDWR | os.O_CREAT))


def _session() -> tuple[int, Path]:
    owner, _, folder = os.environ[_SHARED].partition(":")
    return int(owner), Path(folder)


def _forget_temporary(bytecode: Path, kept: tuple[Path, ...]) -> None:
    """Remove the bytecode of sources in temporary folders, except below the folders in `kept`."""
    temporary = Path(tempfile.gettempdir()).resolve()
    with suppress(FileNotFoundError):
        for folder in (bytecode / temporary.relative_to("/")).iterdir():
            if not any(path.is_relative_to(temporary / folder.name) for path in kept):
                shutil.rmtree(folder, ignore_errors=True)


def _shared_server() -> str:
    import httpx
    from filelock import FileLock

    from airnub_prefect.embedded.server import EmbeddedServer

    owner, folder = _session()
    state = folder / _STATE
    with FileLock(f"{state}.lock"):
        if not state.exists():
            server = EmbeddedServer(owner=owner, home=folder / _HOME)
            pid = server.start()
            server.wait_until_ready()
            # This process may end before other test processes do; the first process of the session stops the server.
            server.detach()
            some = httpx.create_ssl_context().get_ca_certs(binary_form=True)[0]
            (folder / _CERTIFICATES).write_text(ssl.DER_cert_to_PEM_cert(some))
            state.write_text(json.dumps({"url": server.url, "pid": pid}))
    url: str = json.loads(state.read_text())["url"]
    return url


def _stop(pid: int) -> None:
    """Stop the server and wait for its end; it is the child of a test process that may have ended."""
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGTERM)
        deadline = time.monotonic() + _STOP_WITHIN
        while time.monotonic() < deadline:
            with suppress(ChildProcessError):
                os.waitpid(pid, os.WNOHANG)
            os.kill(pid, 0)
            time.sleep(0.05)
        os.kill(pid, signal.SIGKILL)
