"""Tasks for all departments."""

import asyncio
import errno

import pytest
from department_for_tests.settings import IngestionSettings

from airnub_core import ApiSource, Auth, FileSource, NetworkSettings, PageSource, Status, StoreError, open_store
from airnub_core.errors import ConnectionFailedError, HttpStatusError
from airnub_core.sample_site import Reply
from airnub_core.store.index import Scope
from airnub_prefect.errors import ConfigurationError
from airnub_prefect.progress import progress_to

NETWORK = NetworkSettings(allow_private_hosts=True, attempts=1)


class Heard:
    """A listener."""

    def __init__(self):
        self.expected, self.ended = [], []

    def expect(self, batch, items):
        self.expected.append((batch, items))

    def outcome(self, batch, outcome):
        self.ended.append((batch, outcome.kind))


def run_task(name, part, force=False):
    """Run a task in a flow; what the task returns."""
    from prefect import flow

    from airnub_prefect import tasks

    @flow
    async def stage():
        return await getattr(tasks, name)(part, force)

    return asyncio.run(stage())


def settings(folder, **categories):
    """Settings of an ingestion into a folder."""
    return IngestionSettings(store=str(folder / "store"), network=NETWORK, **categories)


def test_files_are_fetched(prefect_api, site, tmp_path):
    """Each file has an outcome, also a failed one; a listener receives all of them."""
    site.routes["/a.csv"] = Reply(b"a")
    source = FileSource(name="a", urls=[site.url("/a.csv"), site.url("/gone.csv")])
    heard = Heard()
    with progress_to(heard):
        report = run_task("fetch_files", settings(tmp_path, files=[source]).of_files())
    assert report.counts == {"stored": 1, "updated": 0, "unchanged": 0, "failed": 1}
    assert (tmp_path / "store" / report.outcomes[0].path).read_bytes() == b"a"
    assert heard.expected == [("files", 2)]
    assert sorted(heard.ended) == [("files", Status.FAILED), ("files", Status.STORED)]
    assert "(department_for_tests)" in site.asked[0].headers["user-agent"]


def test_files_of_urls_are_read_where_the_task_runs(prefect_api, site, tmp_path, monkeypatch):
    """The list stays in the package: parameters hold its name."""
    import department_for_tests

    from airnub_prefect import settings as settings_module
    from airnub_prefect import tasks

    site.routes["/a.csv"] = Reply(b"a")
    (tmp_path / "urls.txt").write_text(site.url("/a.csv"))
    for module in (tasks, settings_module):
        monkeypatch.setattr(module, "package_folder", lambda _package: tmp_path)
    part = settings(tmp_path, files=[FileSource(name="a", urls_file="urls.txt")]).of_files()
    assert site.url("/a.csv") not in part.model_dump_json()
    assert run_task("fetch_files", part).counts["stored"] == 1
    assert department_for_tests.__name__ == part.package


def test_apis_get_their_secrets(prefect_api, site, tmp_path, monkeypatch):
    """The value of a secret is sent, and stands in no parameter."""
    monkeypatch.setenv("AIRNUB_SECRET_OF_AN_API", "hunter2")
    site.routes["/api"] = Reply(b'{"rows": []}')
    auth = Auth(block="secret/of-an-api", header="X-Token", prefix="Bearer ")
    part = settings(tmp_path, apis=[ApiSource(name="a", url=site.url("/api"), auth=auth)]).of_apis()
    assert "hunter2" not in part.model_dump_json()
    assert run_task("fetch_apis", part).counts["stored"] == 1
    assert site.asked[0].headers["x-token"] == "Bearer hunter2"


def test_an_api_whose_secret_is_missing(prefect_api, site, tmp_path, monkeypatch):
    """It alone is a failed item that says what to do; nothing of it is sent, and `failed` asks for it again."""
    monkeypatch.setenv("AIRNUB_SECRET_THERE", "hunter2")
    site.routes["/a"] = site.routes["/b"] = site.routes["/c"] = Reply(b"{}")
    apis = [
        ApiSource(name="missing", url=site.url("/a"), auth=Auth(block="secret/not-there")),
        ApiSource(name="given", url=site.url("/b"), auth=Auth(block="secret/there")),
        ApiSource(name="open", url=site.url("/c")),
    ]
    whole = settings(tmp_path, apis=apis)
    heard = Heard()
    with progress_to(heard):
        report = run_task("fetch_apis", whole.of_apis())
    assert {one.source: one.kind for one in report.outcomes} == {
        "missing": Status.FAILED,
        "given": Status.STORED,
        "open": Status.STORED,
    }
    assert str(report.failed[0].error) == (
        f"{site.url('/a')}: expected a value of secret/not-there (auth of the source), found none; nothing was sent. "
        "Create this block on the Prefect server, or set AIRNUB_SECRET_NOT_THERE in the environment or .env; then "
        "run the ingestion again"
    )
    assert sorted(asked.path for asked in site.asked) == ["/b", "/c"]
    assert (sum(items for _, items in heard.expected), len(heard.ended)) == (3, 3)
    assert not last_runs(tmp_path)["missing"].is_complete
    monkeypatch.setenv("AIRNUB_SECRET_NOT_THERE", "hunter2")
    report = run_task("fetch_apis", whole.only(failed=True).of_apis())
    assert [(one.source, one.kind) for one in report.outcomes] == [("missing", Status.STORED)]


def test_pages_and_what_they_link_to(prefect_api, site, tmp_path):
    """What the selector finds is stored."""
    site.routes |= {"/": Reply(b'<a href="a.pdf">A</a>', headers={"Content-Type": "text/html"}), "/a.pdf": Reply(b"%")}
    part = settings(tmp_path, pages=[PageSource(name="a", page=site.url("/"), links="a")]).of_pages()
    assert run_task("fetch_pages", part).counts["stored"] == 1


def test_force_fetches_again(prefect_api, site, tmp_path):
    """`force` sends no conditional requests."""
    site.routes["/a.csv"] = Reply(b"a")
    part = settings(tmp_path, files=[FileSource(name="a", urls=[site.url("/a.csv")])]).of_files()
    for force in (False, False, True):
        run_task("fetch_files", part, force)
    assert ["if-none-match" in asked.headers for asked in site.asked] == [False, True, False]


def test_a_url_that_is_gone_in_two_runs(prefect_api, site, tmp_path):
    """It is counted as `gone`; a run without one has no such count."""
    site.routes["/a.csv"] = Reply(b"a")
    source = FileSource(name="a", urls=[site.url("/a.csv")], on_gone="withdraw")
    part = settings(tmp_path, files=[source]).of_files()
    assert "gone" not in run_task("fetch_files", part).counts
    site.routes["/a.csv"] = Reply(status=404)
    assert run_task("fetch_files", part).counts == {"stored": 0, "updated": 0, "unchanged": 0, "failed": 1}
    report = run_task("fetch_files", part)
    assert report.counts == {"stored": 0, "updated": 0, "unchanged": 0, "failed": 0, "gone": 1}
    assert report.failed == []


@pytest.mark.parametrize("name", ["fetch_files", "fetch_apis", "fetch_pages"])
def test_a_category_without_sources(prefect_api, tmp_path, name):
    """It does nothing, and makes no store."""
    part = getattr(settings(tmp_path), name.replace("fetch", "of"))()
    assert run_task(name, part).outcomes == ()
    assert not (tmp_path / "store").exists()


def test_a_store_that_cannot_be_written(prefect_api, site, tmp_path):
    """It fails the task at once: a second try would not find more room."""
    (tmp_path / "store").write_text("in the way")
    part = settings(tmp_path, files=[FileSource(name="a", urls=[site.url("/a.csv")])]).of_files()
    with pytest.raises(StoreError):
        run_task("fetch_files", part)
    assert site.asked == []


def test_a_disk_that_is_full_when_the_store_is_closed(prefect_api, site, tmp_path, monkeypatch):
    """It fails the task at once, with an error that says what to do: it is not tried again."""
    from airnub_core.store import objects, staging_folder

    tries = []

    def leave(folder):
        tries.append(folder)
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(objects, "LEFT", 0)
    monkeypatch.setattr(staging_folder, "defer_sync", leave)
    site.routes["/a.csv"] = Reply(b"a")
    part = settings(tmp_path, files=[FileSource(name="a", urls=[site.url("/a.csv")])]).of_files()
    with pytest.raises(StoreError, match="No space left on device; free space"):
        run_task("fetch_files", part)
    assert (len(tries), len(site.asked)) == (1, 1)


@pytest.mark.parametrize(
    ("error", "heals"),
    [
        (ConfigurationError.of("a", "b"), False),
        (StoreError.of(OSError(errno.ENOSPC, "No space left on device"), "/store"), False),
        (ConnectionFailedError("http://h/", "refused"), True),
        (HttpStatusError("http://h/", 404), False),
        (ConnectionError(), True),
    ],
)
def test_retried_errors(error, heals):
    """Only transient errors."""
    from prefect.states import Failed

    from airnub_prefect.tasks import is_worth_retrying

    assert asyncio.run(is_worth_retrying(None, None, Failed(data=error))) is heals


def last_runs(folder):
    """The last run of each source, as the next process finds it."""
    with open_store(folder / "store") as (_, index):
        return index.last_runs(Scope.SOURCE)


def test_failed_items_are_noted_and_asked_for_alone(prefect_api, site, tmp_path):
    """What failed is known to the next run; `failed` asks for that, and for nothing of complete sources."""
    site.routes["/a.csv"] = site.routes["/c.csv"] = Reply(b"a")
    sources = [
        FileSource(name="half", urls=[site.url("/a.csv"), site.url("/b.csv?token=1")]),
        FileSource(name="whole", urls=[site.url("/c.csv")]),
    ]
    whole = settings(tmp_path, files=sources)
    run_task("fetch_files", whole.of_files())
    noted = last_runs(tmp_path)
    assert {name: one.is_complete for name, one in noted.items()} == {"half": False, "whole": True}
    [failure] = noted["half"].failures
    assert "found 404 Not Found" in failure.error
    site.asked.clear()
    site.routes["/b.csv"] = Reply(b"b")
    report = run_task("fetch_files", whole.only(failed=True).of_files())
    assert [(one.source, one.kind, one.warning) for one in report.outcomes] == [("half", Status.STORED, None)]
    assert [asked.path for asked in site.asked] == ["/b.csv"]
    assert last_runs(tmp_path)["half"].is_complete
    assert not run_task("fetch_files", whole.only(failed=True).of_files()).outcomes


def test_a_run_that_did_not_end_is_not_complete(prefect_api, site, tmp_path):
    """All of its source is asked for again."""
    site.routes["/a.csv"] = Reply(b"a")
    whole = settings(tmp_path, files=[FileSource(name="half", urls=[site.url("/a.csv")])])
    with open_store(tmp_path / "store") as (_, index):
        index.begin_runs(Scope.SOURCE, ["half"], "killed")
    report = run_task("fetch_files", whole.only(failed=True).of_files())
    assert [one.kind for one in report.outcomes] == [Status.STORED]
    assert last_runs(tmp_path)["half"].is_complete


def test_links_that_failed_are_asked_for_alone(prefect_api, site, tmp_path):
    """The page is read, since it names them; where the page itself failed, all that it links to is."""
    html = {"Content-Type": "text/html"}
    site.routes["/a.csv"] = Reply(b"a")
    whole = settings(tmp_path, pages=[PageSource(name="page", page=site.url("/page.html"), links="a")])
    assert run_task("fetch_pages", whole.of_pages()).counts["failed"] == 1
    site.routes["/page.html"] = Reply(b'<a href="a.csv">a</a><a href="b.csv">b</a>', headers=html)
    report = run_task("fetch_pages", whole.only(failed=True).of_pages())
    assert report.counts == {"stored": 1, "updated": 0, "unchanged": 0, "failed": 1}
    site.asked.clear()
    report = run_task("fetch_pages", whole.only(failed=True).of_pages())
    assert report.counts == {"stored": 0, "updated": 0, "unchanged": 0, "failed": 1}
    assert [asked.path for asked in site.asked if asked.path != "/robots.txt"] == ["/page.html", "/b.csv"]
