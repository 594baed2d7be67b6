"""Staging."""

import os
import signal
import subprocess
import sys
from contextlib import suppress

import pytest

from airnub_common import sha256_hex
from airnub_core.errors import StoreError
from airnub_core.store.staging import Staging

HOLDER = """
import sys
from pathlib import Path
from airnub_core.store.staging import Staging

with Staging(Path(sys.argv[1])) as staging:
    staging.body().write(b"half")
    print("ready", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def holder(tmp_path):
    """Another process that stages in the same place, until it is told or killed."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdout.readline() == b"ready\n"
    yield process
    process.kill()
    process.communicate()


def folders(parent):
    """Folders of processes in a staging place."""
    return [path for path in parent.iterdir() if path.is_dir()]


def test_bytes_are_hashed_while_they_come(tmp_path):
    """Size and digest are known with the last byte."""
    with Staging(tmp_path) as staging:
        body = staging.body()
        body.write(b"one ")
        body.write(b"two")
        assert (body.size, body.content()) == (7, b"one two")
        path, digits = body.finish("name.csv")
        assert (path.read_bytes(), path.name, digits) == (b"one two", "name.csv", sha256_hex(b"one two"))


def test_nothing_is_left_when_the_block_ends(tmp_path):
    """Well or badly."""
    with Staging(tmp_path) as staging:
        staging.body().discard()
    with suppress(KeyboardInterrupt), Staging(tmp_path) as staging:
        body = staging.body()
        body.write(b"half")
        body.finish("x")
        raise KeyboardInterrupt
    assert folders(tmp_path) == []


def test_bodies_are_apart(tmp_path):
    """Two of the same name at the same time."""
    with Staging(tmp_path) as staging:
        one, two = staging.body(), staging.body()
        one.write(b"1")
        two.write(b"2")
        assert one.finish("x")[0].read_bytes() == b"1"
        assert two.finish("x")[0].read_bytes() == b"2"


def test_a_discarded_body_is_gone(tmp_path):
    """Also twice."""
    with Staging(tmp_path) as staging:
        body = staging.body()
        body.write(b"x")
        body.discard()
        body.discard()
        assert not body.folder.exists()


def test_the_folder_of_a_killed_process_is_removed(tmp_path, holder):
    """Whoever comes next takes away what `kill -9` left."""
    [left] = folders(tmp_path)
    os.kill(holder.pid, signal.SIGKILL)
    holder.wait()
    assert (left / "1" / "body").exists()
    with Staging(tmp_path):
        assert not left.exists()
    assert folders(tmp_path) == []


def test_the_folder_of_a_living_process_is_left_alone(tmp_path, holder):
    """Two processes may stage at once."""
    [its] = folders(tmp_path)
    with Staging(tmp_path) as staging:
        staging.body().discard()
        assert (its / "1" / "body").exists()
    assert folders(tmp_path) == [its]
    holder.communicate(b"")
    assert folders(tmp_path) == []


def test_stray_files_are_no_harm(tmp_path):
    """Only folders belong to processes."""
    (tmp_path / "stray").write_text("x")
    with Staging(tmp_path):
        pass
    assert (tmp_path / "stray").exists()


def test_a_place_that_cannot_be_written_is_an_error_of_the_store(tmp_path):
    """With its path."""
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StoreError, match="file"), Staging(tmp_path / "file" / "staging"):
        pass
