"""The state folder and its lock; ports; log files of services."""

import socket

import pytest

from airnub_cli.dev.state import LOOPBACK, LogFile, StateFolder, free_port, held, listening
from airnub_prefect.errors import ConfigurationError


def test_a_folder_is_for_one_at_a_time(tmp_path):
    """The second process gets an error with the ways out; after the first has ended, it gets the lock."""
    state = StateFolder(tmp_path / "dev")
    with held(state):
        with pytest.raises(ConfigurationError, match="another `airnub dev` uses it"), held(state):
            pass
        assert state.temporary.is_dir()
    with held(state):
        pass


def test_temporary_files_are_removed(tmp_path):
    """Also those of a killed process."""
    state = StateFolder(tmp_path)
    state.temporary.mkdir()
    (state.temporary / "left").touch()
    with held(state):
        assert list(state.temporary.iterdir()) == []
        (state.temporary / "new").touch()
    assert not state.temporary.exists()


def test_a_folder_that_is_a_file_is_an_error(tmp_path):
    """It has its name."""
    (tmp_path / "dev").touch()
    with (
        pytest.raises(ConfigurationError, match="expected a folder that can be written"),
        held(StateFolder(tmp_path / "dev")),
    ):
        pass


def test_a_requested_port_that_is_taken_is_a_mistake():
    """The message has the option, and the alternatives."""
    with socket.create_server((LOOPBACK, 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ConfigurationError, match=rf"--port {port}.*it is taken"):
            listening(port, 1, "--port")


def test_a_preferred_port_that_is_taken_is_replaced():
    """It was not requested."""
    with socket.create_server((LOOPBACK, 0)) as taken:
        port = taken.getsockname()[1]
        with listening(None, port, "--port") as found:
            assert found.getsockname()[1] not in {0, port}
    assert free_port(0, 1, "--site-port") > 0


def test_lines_are_appended_and_the_last_ones_known(tmp_path):
    """The first line creates the folder; lines of earlier runs are kept."""
    path = tmp_path / "logs" / "server.log"
    for _ in range(2):
        log = LogFile(path)
        for number in range(30):
            log.line("server", f"line {number} of 100 %s")
        log.close()
    assert path.read_text().splitlines()[29:31] == ["line 29 of 100 %s", "line 0 of 100 %s"]
    assert list(log.last) == [f"line {number} of 100 %s" for number in range(10, 30)]


def test_a_log_file_is_rotated(tmp_path, monkeypatch):
    """The previous file is kept."""
    monkeypatch.setattr("airnub_cli.dev.state._BYTES", 100)
    log = LogFile(tmp_path / "server.log")
    for number in range(50):
        log.line("server", f"line {number}")
    log.close()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["server.log", "server.log.1"]
    assert all(path.stat().st_size <= 100 for path in tmp_path.iterdir())
