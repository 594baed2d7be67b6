"""The `store` commands."""

import asyncio
import json

import pytest
from click.testing import CliRunner
from department_for_tests.department import DEPARTMENT

from airnub_core import ContentStore, FileSource, NetworkSettings, ingest_files, open_engine
from airnub_core.sample_site import Reply
from airnub_prefect import settings as settings_module
from airnub_prefect.command import store as commands
from airnub_prefect.command.main import group
from airnub_prefect.department import Department, Stage
from airnub_prefect.errors import ConfigurationError


@pytest.fixture
def folder(site, tmp_path, monkeypatch):
    """A store with two files of two sources."""
    site.routes |= {"/a.csv": Reply(b"a,1\n", headers={"Content-Type": "text/csv"}), "/b.csv": Reply(b"b,2\n")}
    sources = [FileSource(name=name, urls=[site.url(f"/{name}.csv")]) for name in "ab"]

    async def fill():
        async with open_engine(tmp_path / "store", NetworkSettings(allow_private_hosts=True)) as engine:
            await ingest_files(engine, sources)

    asyncio.run(fill())
    monkeypatch.chdir(tmp_path)
    return tmp_path / "store"


@pytest.fixture
def invoke(folder):
    """Run a command on the store; status, stdout and stderr."""

    def invoke(*words, where=("--store", folder)):
        answer = CliRunner().invoke(group(DEPARTMENT), list(map(str, ("store", *words, *where))))
        return answer.exit_code, answer.stdout, answer.stderr

    return invoke


def test_ls(invoke, site):
    """Each object has a line, with where it came from; a source is chosen by name."""
    status, out, err = invoke("ls")
    assert (status, err) == (0, "")
    assert [line.split()[:3] for line in out.splitlines() if site.url("/") in line] == [
        ["a", "a.csv", "4"],
        ["b", "b.csv", "4"],
    ]
    assert [one["source"] for one in json.loads(invoke("ls", "--source", "b", "--json")[1])] == ["b"]


def test_a_source_that_is_not_there(invoke):
    """A misspelt name is no empty list."""
    status, out, err = invoke("ls", "--source", "c", "--json")
    assert (status, out) == (1, "")
    assert err == "expected a source of store, found nothing of 'c'; see `store ls`\n"


def test_show(invoke, site, folder):
    """A digest, its beginning, a URL, a path or a name finds the manifest."""
    [manifest] = json.loads(invoke("ls", "--source", "a", "--json")[1])
    digest = manifest["digest"]
    ways = [digest, digest.removeprefix("sha256:")[:4].upper(), site.url("/a.csv"), manifest["path"], "a.csv"]
    for what in ways:
        status, out, _ = invoke("show", what, "--json")
        assert (status, json.loads(out)) == (0, [manifest])
    out = invoke("show", "a.csv")[1]
    assert out.startswith(f"store/{manifest['path']}\nstore/{manifest['path']}.manifest.json\n{{")


@pytest.mark.parametrize("what", ["nothing", "sha256:", "", "ab", "0" * 64])
def test_nothing_to_show(invoke, what):
    """It is said, with the way on; a digest needs four digits to be meant."""
    status, out, err = invoke("show", what)
    assert (status, out) == (1, "")
    assert f"found nothing for {what!r}; see `store ls`" in err


def test_verify(invoke, folder):
    """Every object is hashed again; what is damaged is named, with status 1."""
    status, out, err = invoke("verify")
    assert (status, err) == (0, "")
    assert out.startswith("2 objects, 8 bytes in ")
    [path] = folder.glob("a/*/*/a.csv")
    path.write_bytes(b"harm")
    status, out, err = invoke("verify")
    assert (status, "1 damaged" in out) == (1, True)
    assert f"damaged: {path}: expected sha256:" in err
    document = json.loads(invoke("verify", "--json")[1])
    assert (document["objects"], [one["path"] for one in document["damaged"]]) == (2, [str(path)])


def test_reindex(invoke, folder):
    """The index is made from the manifests; what is damaged is left out and named."""
    status, out, _ = invoke("reindex")
    assert (status, out) == (0, "2 manifests of 2 objects are in the index of store\n")
    [path] = folder.glob("a/*/*/a.csv.manifest.json")
    path.write_text("{}")
    status, out, err = invoke("reindex")
    assert (status, out) == (1, "1 manifests of 2 objects are in the index of store\n")
    assert f"damaged: {path}: not a manifest" in err


def test_damaged_manifests_are_named(invoke, folder):
    """The rest is listed and shown all the same."""
    [path] = folder.glob("a/*/*/a.csv.manifest.json")
    path.write_text("{}")
    status, out, err = invoke("ls", "--json")
    assert (status, [one["source"] for one in json.loads(out)]) == (1, ["b"])
    assert f"damaged: {path}" in err
    assert invoke("show", "b.csv")[0] == 0


def test_where_the_store_is(invoke, written, data_root, monkeypatch):
    """A folder, a file of settings, or the settings of the checkout, in this order."""
    config = written("store: store\n")
    assert invoke("verify", where=("--config", config))[0] == 0
    status, _, err = invoke("verify", where=("--config", written("store: gone\n")))
    assert status == 2
    assert "gone: expected a content store, found no such folder; an ingestion makes it" in err
    assert invoke("verify", where=("--config", written("stroe: x\n")))[0] == 2
    monkeypatch.setattr(settings_module, "checkout", lambda: data_root)
    status, _, err = invoke("verify", where=())
    assert status == 2
    name = "configs/variables/department_for_tests/ingestion.yaml"
    assert f"{name}: no such file here; name the folder with --store FOLDER" in err
    path = data_root / name
    path.parent.mkdir(parents=True)
    path.write_text("store: store\n")
    assert invoke("verify", where=())[0] == 0


def test_a_department_without_an_ingestion(tmp_path):
    """It has no store of its own, but can look at one."""
    stage = Stage("counting", "department_for_tests.flows:counting", "department_for_tests.settings:CountingSettings")
    department = Department("of_tests", (stage,), "", "")
    with pytest.raises(ConfigurationError, match="has no stage that ingests; name the folder with --store FOLDER"):
        commands.open_for_reading(department, None, None)
    assert isinstance(commands.open_for_reading(department, tmp_path, None), ContentStore)


def test_a_store_that_cannot_be_read(invoke, folder):
    """A file in the way of the index is told with its path, and without a traceback."""
    hidden = folder / ".airnub"
    hidden.rename(folder / ".moved")
    hidden.write_text("in the way")
    status, _, err = invoke("reindex")
    assert status == 1
    assert err.startswith(f"{hidden}: ")
