"""The redo list."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airnub_core.store.intent_log import read_intent_logs, write_intent_log
from airnub_core.store.layout import Staged

BATCH = [Staged(f"/staging/{number}", "s", f"ü{number}\n.csv", "ab" * 32, number, "cd" * 32) for number in range(3)]


def test_what_was_written_is_read(tmp_path):
    """In its order, and list after list."""
    write_intent_log(tmp_path, 1, BATCH[:2])
    write_intent_log(tmp_path, 2, BATCH[2:])
    assert list(read_intent_logs(tmp_path)) == BATCH


@given(st.lists(st.builds(Staged, *[st.text(st.characters(codec="utf-8"))] * 4, st.integers(), st.text())))
def test_whatever_letters_there_are(tmp_path_factory, batch):
    """Line ends among them."""
    folder = tmp_path_factory.mktemp("redo")
    write_intent_log(folder, 1, batch)
    assert list(read_intent_logs(folder)) == batch


@pytest.mark.parametrize("cut", range(1, 120, 7))
def test_a_list_that_a_crash_has_cut(tmp_path, cut):
    """It names nothing, and the other lists are read all the same."""
    path = write_intent_log(tmp_path, 1, BATCH[:2])
    write_intent_log(tmp_path, 2, BATCH[2:])
    path.write_bytes(path.read_bytes()[:-cut])
    assert list(read_intent_logs(tmp_path)) == BATCH[2:]


@pytest.mark.parametrize("content", [b"", b"\0" * 100, b"\xff\xfe\n", b"{}\n", b"[1]\n", b"null\n", b"[[[[\n"])
def test_what_is_no_list_names_nothing(tmp_path, content):
    """As a power loss may leave it."""
    (tmp_path / "redo-1.json").write_bytes(content)
    assert list(read_intent_logs(tmp_path)) == []


def test_only_lists_are_read(tmp_path):
    """Whatever else lies in the folder; and where it is gone there are none."""
    write_intent_log(tmp_path, 1, BATCH).rename(tmp_path / "other.json")
    assert list(read_intent_logs(tmp_path)) == []
    assert list(read_intent_logs(Path(tmp_path, "none"))) == []
