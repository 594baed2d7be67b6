"""The command `housekeeping`: what it prints, and its exit status."""

import json

import pytest
from click.testing import CliRunner
from department_for_tests.department import DEPARTMENT

from airnub_prefect.command.main import group


@pytest.fixture
def invoke(tmp_path, fill_store, monkeypatch):
    """Run the command on a store; status and stdout."""
    fill_store(tmp_path / "store", {"a": b"x"})
    monkeypatch.chdir(tmp_path)

    def invoke(*words):
        answer = CliRunner().invoke(group(DEPARTMENT), ["housekeeping", "--store", str(tmp_path / "store"), *words])
        return answer.exit_code, answer.stdout, answer.stderr

    return invoke


def test_sizes_are_printed_as_a_table(invoke):
    """With what was removed, and how full the disk is."""
    status, out, err = invoke("--dry-run")
    assert status == 0, err
    assert "removed bytes" in out
    assert "partial files" in out
    assert "would be removed" in out + err


def test_json_is_one_document(invoke):
    """The same, for scripts."""
    status, out, _ = invoke("--json")
    document = json.loads(out)
    assert (status, document["dry_run"], document["removed"], document["errors"]) == (
        0,
        False,
        {"files": 0, "bytes": 0},
        {},
    )
    assert {one["what"] for one in document["places"]} == {"store", "index", "partial files"}
    assert document["disks"][0]["free"] > 0


def test_a_folder_that_does_not_exist(invoke, tmp_path):
    """One that was mistyped is a mistake, and is not made."""
    status, _, err = invoke("--store", str(tmp_path / "nowhere"))
    assert status == 2
    assert "expected a content store, found no such folder" in err
    assert not (tmp_path / "nowhere").exists()
