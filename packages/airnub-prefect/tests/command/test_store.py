"""The `store` commands."""

import asyncio
import json

import pytest
from click.testing import CliRunner
from department_for_tests.department import DEPARTMENT

from airnub_core import (
    ApiSource,
    FileSource,
    NetworkSettings,
    ingest_apis,
    ingest_files,
    open_engine,
    open_store,
)
from airnub_core.sample_site import Reply
from airnub_core.store.factory import open_for_writing
from airnub_core.store.index import Failure, Scope
from airnub_core.store.partials import BODY, WORTH_RESUMING, Partials, ResumeInfo, write_resume_info
from airnub_core.store.withdrawal import Withdrawal
from airnub_prefect import settings as settings_module
from airnub_prefect.command.main import group


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
    """Each object has a line with its origin; `--source` selects a source."""
    status, out, err = invoke("ls")
    assert (status, err) == (0, "")
    assert [line.split()[:3] for line in out.splitlines() if site.url("/") in line] == [
        ["a", "a.csv", "4"],
        ["b", "b.csv", "4"],
    ]
    assert [one["source"] for one in json.loads(invoke("ls", "--source", "b", "--json")[1])] == ["b"]


def test_an_unknown_source(invoke):
    """A misspelt name is an error, not an empty list."""
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
def test_show_without_a_match(invoke, what):
    """The error names `store ls`; a digest needs at least four digits."""
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
    assert f"damaged: {path}: expected a manifest, found" in err


def fetched(site, folder, content, path="/a.csv", name="a"):
    """The URL has other bytes now, and they are fetched."""
    site.routes[path.partition("?")[0]] = Reply(content)

    async def fill():
        async with open_engine(folder, NetworkSettings(allow_private_hosts=True)) as engine:
            return await ingest_files(engine, [FileSource(name=name, urls=[site.url(path)])])

    [outcome] = asyncio.run(fill())
    return outcome


def test_log(invoke, site, folder):
    """Every version of a URL, oldest first, the last of them marked."""
    second = fetched(site, folder, b"a,2,2\n")
    status, out, err = invoke("log", site.url("/a.csv"), "--json")
    assert (status, err) == (0, "")
    [state] = json.loads(out)
    assert (state["source"], state["url"]) == ("a", site.url("/a.csv"))
    assert [(one["size"], one["current"]) for one in state["versions"]] == [(4, False), (6, True)]
    assert (state["versions"][1]["path"], state["versions"][1]["digest"]) == (second.path, second.digest)
    status, out, _ = invoke("log", site.url("/a.csv"))
    assert (status, out.splitlines()[0]) == (0, f"a: {site.url('/a.csv')}")
    assert [line.split()[-2:] for line in out.splitlines() if "current" in line] == [["current", second.path]]


def test_log_knows_versions_whose_manifest_is_gone(invoke, site, folder):
    """What the index knows of them is shown."""
    fetched(site, folder, b"a,2,2\n")
    [manifest] = [path for path in folder.glob("a/*/*/*.manifest.json") if json.loads(path.read_text())["size"] == 4]
    manifest.unlink()
    [state] = json.loads(invoke("log", site.url("/a.csv"), "--json")[1])
    assert [one["size"] for one in state["versions"]] == [None, 6]
    assert "?" in invoke("log", site.url("/a.csv"))[1]


def test_log_of_a_url_with_a_secret(invoke, site, folder):
    """It is found as a whole, and as it is shown; the secret is not said."""
    fetched(site, folder, b"x", path="/c.csv?token=hunter2")
    for typed in (site.url("/c.csv?token=hunter2"), site.url("/c.csv?token=***")):
        status, out, _ = invoke("log", typed)
        assert (status, "hunter2" in out) == (0, False)
        assert out.startswith(f"a: {site.url('/c.csv?token=***')}\n")
    status, out, err = invoke("log", site.url("/d.csv?token=hunter2"))
    assert (status, out, "hunter2" in err) == (1, "", False)
    assert "found nothing for" in err


def test_log_of_one_source(invoke, site, folder):
    """Where several have the same URL."""
    fetched(site, folder, b"a,1\n", name="other")
    assert [one["source"] for one in json.loads(invoke("log", site.url("/a.csv"), "--json")[1])] == ["a", "other"]
    assert [
        one["source"] for one in json.loads(invoke("log", site.url("/a.csv"), "--source", "other", "--json")[1])
    ] == ["other"]
    assert invoke("log", site.url("/a.csv"), "--source", "none")[0] == 1


def current(folder, source="a"):
    """The URLs of a source that are current."""
    with open_store(folder) as (_, index):
        return [row.url for row in index.current(source)]


def test_forget(invoke, site, folder):
    """A URL is withdrawn; its object and versions stay, and a run restores it."""
    url = site.url("/a.csv")
    status, out, err = invoke("forget", url, "--json")
    assert (status, err) == (0, "")
    [one] = json.loads(out)["withdrawn"]
    assert (one["source"], one["url"], one["new"]) == ("a", url, True)
    assert (folder / one["path"]).read_bytes() == b"a,1\n"
    for _ in range(2):
        assert current(folder) == []
        assert invoke("reindex")[0] == invoke("gc")[0] == invoke("verify")[0] == 0
    [state] = json.loads(invoke("log", url, "--json")[1])
    assert (state["withdrawn_at"], [version["current"] for version in state["versions"]]) == (
        one["withdrawn_at"],
        [False],
    )
    assert invoke("log", url)[1].splitlines()[0].startswith(f"a: {url} (withdrawn ")
    status, out, _ = invoke("forget", url)
    assert (status, out.startswith(f"a: {url} was withdrawn at ")) == (0, True)
    assert fetched(site, folder, b"a,1\n").kind == "stored"
    assert current(folder) == [url]
    out = invoke("forget", url)[1]
    assert out == f"withdrawn a: {url} (4 bytes remain in store/{one['path']})\n"


def test_forget_a_url_that_is_not_there(invoke, site, folder):
    """Status 1 and the nearest one; a source that is not there, too."""
    status, out, err = invoke("forget", site.url("/a.cvs"))
    assert (status, out) == (1, "")
    assert f"expected a current URL of store, found nothing for '{site.url('/a.cvs')}'" in err
    assert f"did you mean '{site.url('/a.csv')}'?" in err
    status, _, err = invoke("forget", site.url("/a.csv"), "--source", "b")
    assert (status, "found nothing for" in err) == (1, True)
    status, _, err = invoke("forget", site.url("/a.csv"), "--source", "none")
    assert (status, "expected a source of store, found 'none'" in err) == (1, True)
    assert len(current(folder)) == 1


def test_forget_after_a_killed_withdrawal(invoke, site, folder):
    """A withdrawal that only the index has is written to the store."""
    with open_store(folder) as (store, index):
        [row] = index.current("a")
        withdrawal = Withdrawal("a", row.url_digest, row.url, row.checked_at, "store forget")
        index.withdraw([withdrawal])
        assert list(store.withdrawals()) == []
    assert invoke("forget", site.url("/a.csv"))[0] == 0
    with open_store(folder) as (store, index):
        assert list(store.withdrawals()) == [withdrawal]
        assert index.unwritten() == []


def test_forget_a_url_of_several_sources(invoke, site, folder):
    """One of them has to be named."""
    fetched(site, folder, b"a,1\n", name="other")
    status, _, err = invoke("forget", site.url("/a.csv"))
    assert (status, "found it in a, other; choose with --source NAME" in err) == (2, True)
    assert invoke("forget", site.url("/a.csv"), "--source", "other")[0] == 0
    assert (len(current(folder)), current(folder, "other")) == (1, [])


def test_forget_a_url_with_a_secret(invoke, site, folder):
    """As a whole it is the one with this secret; as it is shown, every one that is shown so. No secret is said."""
    for token in ("one", "two", "three"):
        fetched(site, folder, token.encode(), path=f"/c.csv?token={token}")
    status, out, _ = invoke("forget", site.url("/c.csv?token=two"))
    assert (status, out.count("withdrawn"), "two" in out) == (0, 1, False)
    assert invoke("forget", site.url("/c.csv?token=***"))[1].count("withdrawn") == 2
    assert current(folder) == [site.url("/a.csv")]


@pytest.mark.parametrize("rebuilt", [False, True])
def test_forget_an_api(invoke, site, folder, rebuilt):
    """Its records go with its answer."""
    site.routes["/api"] = Reply(b'{"rows": [{"id": 1}]}')

    async def fill():
        async with open_engine(folder, NetworkSettings(allow_private_hosts=True)) as engine:
            await ingest_apis(engine, [ApiSource(name="api", url=site.url("/api"), records="rows")], str)

    asyncio.run(fill())
    if rebuilt:
        invoke("reindex")
    assert len(current(folder, "api")) == 2
    assert len(json.loads(invoke("forget", site.url("/api"), "--json")[1])["withdrawn"]) == 2
    assert current(folder, "api") == []


def test_gc(invoke, folder):
    """What no manifest refers to is named, and then removed; the text says how much it was."""
    assert invoke("gc") == (0, "0 without a manifest, 0 bytes; 0 removed, 0 bytes\n", "")
    [path] = folder.glob("a/*/*/a.csv")
    path.with_name("a.csv.manifest.json").unlink()
    name = path.relative_to(folder.parent)
    status, out, err = invoke("gc", "--dry-run")
    assert (status, err, path.exists()) == (0, "", True)
    assert out == (f"found object {name} (4 bytes)\n1 without a manifest, 4 bytes; 0 removed, 0 bytes (--dry-run)\n")
    document = json.loads(invoke("gc", "--json")[1])
    assert document == {
        "found": [{"path": str(path.relative_to(folder)), "kind": "object", "size": 4, "removed": True}],
        "bytes": 4,
        "writers": 0,
    }
    assert not path.exists()
    assert invoke("verify")[0] == 0


def test_gc_during_a_run(invoke, folder):
    """Files that the run may use are kept, and a message says so."""
    [path] = folder.glob("a/*/*/a.csv")
    path.with_name("a.csv.manifest.json").unlink()
    with open_for_writing(folder):
        status, out, err = invoke("gc")
    assert (status, path.exists()) == (0, True)
    assert "1 without a manifest, 4 bytes; 0 removed, 0 bytes" in out
    assert "1 processes are writing into store: files that they may use were kept" in err


@pytest.fixture
def waiting(folder):
    """A part of a large file, as a transfer that was cut leaves it."""
    arrived = folder / ".airnub" / "arrived"
    arrived.mkdir()
    (arrived / BODY).write_bytes(b"x" * WORTH_RESUMING)
    note = ResumeInfo(
        "big", "http://h/big.iso?token=***", "0" * 64, '"1"', WORTH_RESUMING, "1" * 64, 4 * WORTH_RESUMING
    )
    write_resume_info(arrived, note)
    assert Partials(folder / ".airnub").park(arrived)
    return folder / ".airnub" / "partial" / f"big.{'0' * 32}"


def test_partials(invoke, waiting):
    """Parts of large files are named, with how much has come; the folders stay."""
    status, out, err = invoke("partials")
    assert (status, err) == (0, "")
    assert out == (
        "found big: http://h/big.iso?token=*** (1,048,576 of 4,194,304 bytes) in "
        f"store/.airnub/partial/{waiting.name}\n1 partial files, 1,048,576 bytes; the next run resumes them\n"
    )
    document = json.loads(invoke("partials", "--json")[1])
    assert document == {
        "found": [
            {
                "source": "big",
                "url": "http://h/big.iso?token=***",
                "size": WORTH_RESUMING,
                "expected": 4 * WORTH_RESUMING,
                "folder": str(waiting),
                "removed": False,
            }
        ],
        "bytes": WORTH_RESUMING,
    }
    assert waiting.is_dir()


def test_partials_are_removed(invoke, waiting):
    """`--remove` deletes all partial files."""
    status, out, _ = invoke("partials", "--remove")
    assert (status, waiting.exists()) == (0, False)
    assert out.startswith("removed big: http://h/big.iso?token=*** (")
    assert invoke("partials")[1] == "0 partial files, 0 bytes; the next run resumes them\n"


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
    assert "gone: expected a content store, found no such folder; an ingestion creates it" in err
    assert invoke("verify", where=("--config", written("stroe: x\n")))[0] == 2
    monkeypatch.setattr(settings_module, "checkout", lambda: data_root)
    status, _, err = invoke("verify", where=())
    assert status == 2
    name = "configs/variables/department_for_tests/ingestion.yaml"
    assert f"{name}: there is no such file in a checkout; name the folder with --store FOLDER" in err
    path = data_root / name
    path.parent.mkdir(parents=True)
    path.write_text("store: store\n")
    assert invoke("verify", where=())[0] == 0


def test_a_store_that_cannot_be_read(invoke, folder):
    """A file in place of the index is an error with its path, without a traceback."""
    hidden = folder / ".airnub"
    hidden.rename(folder / ".moved")
    hidden.write_text("in the way")
    status, _, err = invoke("reindex")
    assert status == 1
    assert err.startswith(f"{hidden}: ")


def test_what_failed_in_the_last_runs(invoke, folder):
    """Of sources and datasets, with the reason of each item; what is complete is left out."""
    assert invoke("failed") == (0, "nothing failed in the last runs\n", "")
    with open_store(folder) as (_, index):
        failures = [Failure(f"https://a/{number}", f"https://a/{number}: found 404") for number in range(22)]
        index.end_runs(Scope.SOURCE, {"a": failures, "b": []}, "run")
        index.begin_runs(Scope.DATASET, ["shop/orders"], "run")
        index.end_runs(
            Scope.DATASET, {"shop/skipped": [Failure(None, "skipped, since a source is not complete")]}, "run"
        )
    status, out, _ = invoke("failed")
    lines = out.splitlines()
    assert (status, len(lines)) == (0, 25)
    assert lines[0].startswith("source a: 22 failed, began 20")
    assert lines[1] == "  https://a/0: found 404"
    assert lines[21] == "  and 2 more; --json has all"
    assert lines[22].startswith("dataset shop/orders: has not ended, began 20")
    assert lines[23].startswith("dataset shop/skipped: not made, began 20")
    found = json.loads(invoke("failed", "--json")[1])
    assert [(one["of"], one["name"], one["failed"], len(one["failures"])) for one in found] == [
        ("source", "a", 22, 22),
        ("dataset", "shop/orders", 0, 0),
        ("dataset", "shop/skipped", 1, 1),
    ]
    assert found[0]["failures"][0] == {"url": "https://a/0", "error": "https://a/0: found 404"}


def test_what_failed_is_forgotten(invoke, folder):
    """A source that is in no settings any more is complete by this alone; an unknown name changes nothing."""
    with open_store(folder) as (_, index):
        index.end_runs(
            Scope.SOURCE, {"dead": [Failure("https://a/1", "found 404")], "other": [Failure(None, "x")]}, "r"
        )
        index.begin_runs(Scope.DATASET, ["shop/orders"], "killed")
    status, _, err = invoke("failed", "--forget", "dead", "--forget", "dad")
    assert status == 2
    assert "unknown source or dataset 'dad'; did you mean 'dead'" in err
    assert "source dead" in invoke("failed")[1]
    status, out, _ = invoke("failed", "--forget", "dead", "--forget", "shop/orders")
    assert (status, out.splitlines()[0].partition(":")[0]) == (0, "source other")
    assert "dead" not in out
    assert "orders" not in out
