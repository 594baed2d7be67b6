"""The state folder and its lock; ports; log files of services."""

import socket

import pytest

from airnub_cli.dev.state import LOOPBACK, LogFile, StateFolder, free_port, held, listening
from airnub_prefect.errors import ConfigurationError


def test_a_folder_is_for_one_at_a_time(tmp_path):
    """The second is told what to do; when the first has ended, it may."""
    state = StateFolder(tmp_path / "dev")
    with held(state):
        with pytest.raises(ConfigurationError, match="another `airnub dev` uses it"), held(state):
            pass
        assert state.temporary.is_dir()
    with held(state):
        pass


def test_what_is_temporary_goes(tmp_path):
    """Also what one that was killed has left."""
    state = StateFolder(tmp_path)
    state.temporary.mkdir()
    (state.temporary / "left").touch()
    with held(state):
        assert list(state.temporary.iterdir()) == []
        (state.temporary / "new").touch()
    assert not state.temporary.exists()


def test_a_folder_that_is_a_file_is_told(tmp_path):
    """By its name."""
    (tmp_path / "dev").touch()
    with (
        pytest.raises(ConfigurationError, match="expected a folder that can be written"),
        held(StateFolder(tmp_path / "dev")),
    ):
        pass


def test_a_port_that_was_asked_for_and_is_taken_is_a_mistake():
    """The option is named, and what else can be had."""
    with socket.create_server((LOOPBACK, 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ConfigurationError, match=rf"--port {port}.*it is taken"):
            listening(port, 1, "--port")


def test_a_preferred_port_that_is_taken_is_replaced():
    """Nobody asked for it."""
    with socket.create_server((LOOPBACK, 0)) as taken:
        port = taken.getsockname()[1]
        with listening(None, port, "--port") as found:
            assert found.getsockname()[1] not in {0, port}
    assert free_port(0, 1, "--site-port") > 0


def test_lines_are_appended_and_the_last_ones_known(tmp_path):
    """The folder is made with the first line; what earlier runs wrote stays."""
    path = tmp_path / "logs" / "server.log"
    for _ in range(2):
        log = LogFile(path)
        for number in range(30):
            log.line("server", f"line {number} of 100 %s")
        log.close()
    assert path.read_text().splitlines()[29:31] == ["line 29 of 100 %s", "line 0 of 100 %s"]
    assert list(log.last) == [f"line {number} of 100 %s" for number in range(10, 30)]


def test_a_file_does_not_grow_for_ever(tmp_path, monkeypatch):
    """The one before it is kept."""
    monkeypatch.setattr("airnub_cli.dev.state._BYTES", 100)
    log = LogFile(tmp_path / "server.log")
    for number in range(50):
        log.line("server", f"line {number}")
    log.close()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["server.log", "server.log.1"]
    assert all(path.stat().st_size <= 100 for path in tmp_path.iterdir())
