"""The commands `airnub backup` and `airnub restore`: output and exit status."""

import json

import pytest
from click.testing import CliRunner

from airnub_cli.__main__ import main


@pytest.fixture
def invoke(state):
    """Run a command; status, stdout and stderr."""

    def invoke(*words):
        answer = CliRunner().invoke(main, list(map(str, words)))
        return answer.exit_code, answer.stdout, answer.stderr

    return invoke


def test_a_backup_and_its_restore(invoke, state, empty, tmp_path):
    """They print what they did, and the next step."""
    vault = tmp_path / "vault"
    status, out, err = invoke("backup", vault, "--state", state.folder)
    assert status == 0, err
    assert "complete" in out
    assert invoke("restore", vault, "--list", "--dev")[1].count("\n") == 1
    status, out, err = invoke("restore", vault, "--state", empty.folder)
    assert status == 0, err
    assert "store data/shop: 2 objects, 6 bytes" in out
    assert "0 damaged. Next: uv run airnub dev --sqlite --state" in out
    status, _, err = invoke("restore", vault, "--state", empty.folder)
    assert (status, "expected an empty system" in err) == (1, True)
    assert f"empty it (remove the folder {empty.folder}), or add --replace" in err


def test_a_list_of_no_backups(invoke, tmp_path):
    """A mistyped folder is named on stderr; the document is an empty list."""
    status, out, err = invoke("restore", tmp_path / "nowhere", "--list", "--json")
    assert (status, json.loads(out)) == (0, [])
    assert f"{tmp_path / 'nowhere'} has no complete backup" in err


def test_without_docker(invoke, tmp_path, monkeypatch):
    """The error names Docker, and the option for the other system."""
    monkeypatch.setenv("PATH", str(tmp_path))
    status, _, err = invoke("backup", tmp_path / "vault")
    assert status == 1
    assert "expected the command docker, found none" in err
    assert "For the system of `airnub dev` add --dev" in err


def test_json_is_one_document(invoke, state, empty, tmp_path):
    """Of both commands, and of the list."""
    vault = tmp_path / "vault"
    made = json.loads(invoke("backup", vault, "--state", state.folder, "--json")[1])
    assert made["copied"]["bytes"] == made["bytes"]
    assert [one["name"] for one in json.loads(invoke("restore", vault, "--list", "--json")[1])] == [made["name"]]
    done = json.loads(invoke("restore", vault, "--state", empty.folder, "--json")[1])
    assert (done["name"], done["replaced"], len(done["verified"]["stores"])) == (made["name"], [], 1)


def test_damage_is_an_error(invoke, state, empty, tmp_path):
    """An object that was damaged before the backup is named after the restore."""
    next((state.folder / "data" / "shop" / "shop").rglob("a.csv")).write_bytes(b"two")
    invoke("backup", tmp_path / "vault", "--state", state.folder)
    status, _, err = invoke("restore", tmp_path / "vault", "--state", empty.folder)
    assert (status, "damaged: data/shop: " in err) == (1, True)


@pytest.mark.parametrize("place", ["ftp://host/path", "s3://", "s3://key:secret@bucket"])
def test_an_invalid_place_is_a_mistake(invoke, place):
    """Exit status 2; a possible secret in it is not printed."""
    status, _, err = invoke("backup", place, "--dev")
    assert (status, "expected a URL such as s3://bucket/prefix" in err, "secret" in err) == (2, True, False)
