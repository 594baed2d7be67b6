"""State: the folder, for one at a time; ports."""

import socket

import pytest

from airnub_cli.dev.state import LOOPBACK, StateFolder, free_port, held, listening
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
