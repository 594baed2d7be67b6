"""Recovery; that a process which is killed leaves nothing to be done twice is tested in `reliability`."""

import hashlib
import shutil
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airnub_common import digest_of
from airnub_core import ContentStore, open_store, verify
from airnub_core.errors import StoreError
from airnub_core.store import write_ahead_log
from airnub_core.store.index import IndexRow
from airnub_core.store.layout import Staged
from airnub_core.store.manifest import url_digest
from airnub_core.store.partials import WORTH_RESUMING, Partials, ResumeInfo, write_resume_info
from airnub_core.store.recovery import read_intent_logs, recover, write_intent_log
from airnub_core.store.staging_folder import StagingFolder
from airnub_core.store.write_ahead_log import logs_in

URL = "http://h/a"
LATER = "2999-01-01T00:00:00+00:00"


@pytest.fixture
def store(tmp_path):
    """An empty store."""
    return ContentStore(tmp_path)


@pytest.fixture
def staging(tmp_path):
    """The staging folder of a process that has died."""
    with StagingFolder(tmp_path / ".airnub" / "staging") as dead:
        dead.abandon()
    return dead


@pytest.fixture
def index(tmp_path):
    """An empty index."""
    with open_store(tmp_path) as (_, opened):
        yield opened


def day(number):
    """A time at which a request was sent."""
    return f"2026-01-{number:02}T00:00:00+00:00"


@pytest.fixture
def known():
    """Makes what is known of a URL; its object's digest is of one digit, its time a day of January."""

    def make(url=URL, digit="1", day=1, **others):
        at = f"2026-01-{day:02}T00:00:00+00:00"
        row = IndexRow(
            "s", url_digest(url), url, f"sha256:{digit * 64}", f"s/{digit}", 3, f"s/{digit}.m", None, None, at, at
        )
        return row._replace(**others)

    return make


@pytest.fixture
def taken_up(store, index, staging):
    """Recover what the dead process left; what the index knows of each URL then."""

    def take():
        recover(store, index, Partials(store.hidden), staging.folder)
        return {known.url: known for known in index.current("s")}

    return take


def test_what_was_staged_whole_is_published(store, index, stage, taken_up):
    """The index knows it as if nothing had happened, validators among them."""
    stage(headers={"etag": '"1"', "last-modified": "Mon"})
    stage(b"other", url="http://h/b")
    known = taken_up()
    assert set(known) == {URL, "http://h/b"}
    assert store.read(known[URL].path, digest_of(b"content")) == b"content"
    assert (known[URL].etag, known[URL].last_modified) == ('"1"', "Mon")
    assert index.lookup("s", [url_digest(URL)])[url_digest(URL)] == known[URL]
    assert verify(store).damaged == []


@pytest.mark.parametrize("harm", ["no manifest", "half a manifest", "half a body", "other bytes", "no body", "nothing"])
def test_what_was_not_whole_is_left(store, stage, taken_up, harm):
    """It counts for nothing, and the others of the process are taken up all the same."""
    half = Path(stage().folder)
    stage(b"whole", url="http://h/b")
    body, manifest = half / "a.csv", half / "a.csv.manifest.json"
    if harm in {"no manifest", "nothing"}:
        manifest.unlink()
    if harm in {"no body", "nothing"}:
        body.unlink()
    if harm == "half a manifest":
        manifest.write_bytes(manifest.read_bytes()[:-9])
    if harm == "half a body":
        body.write_bytes(b"cont")
    if harm == "other bytes":
        body.write_bytes(b"CONTENT")
    assert set(taken_up()) == {"http://h/b"}
    assert [path.rpartition("/")[2] for path in store.objects()] == ["a.csv"]


def test_the_index_hears_of_what_was_published(store, stage, taken_up):
    """The process died between the renaming and the index's row."""
    store.publish([stage(), stage(b"other", url="http://h/b")])
    assert set(taken_up()) == {URL, "http://h/b"}


def test_who_recovers_may_die_too(tmp_path, store, stage, staging, index, taken_up, monkeypatch):
    """Between publishing what was staged and the index's rows: what was published before is not forgotten."""
    store.publish([stage()])
    stage(b"other", url="http://h/b")
    with monkeypatch.context() as dying:
        dying.setattr(index, "record", lambda _rows: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            recover(ContentStore(tmp_path), index, Partials(store.hidden), staging.folder)
    assert set(taken_up()) == {URL, "http://h/b"}


def test_what_a_power_loss_took_back_is_published_again(store, stage, staging, taken_up):
    """The list is on the disk, and the staged folder is where it was: its renaming was not durable."""
    write_intent_log(staging.folder, 1, [stage()])
    assert set(taken_up()) == {URL}
    assert len(list(store.objects())) == 1


@pytest.mark.parametrize("harm", ["lost", "damaged"])
def test_what_was_published_is_hashed_before_it_is_believed(store, stage, taken_up, harm):
    """An object that is not whole has no row; the next transfer of its URL replaces it."""
    [published] = store.publish([stage()])
    if harm == "lost":
        shutil.rmtree((store.root / published.path).parent)
    else:
        (store.root / published.path).write_bytes(b"CONTENT")
    assert taken_up() == {}


def test_a_further_url_of_bytes_that_are_there(store, stage, taken_up):
    """Its claim is what is taken up, and the first URL's manifest is not touched."""
    store.publish([stage()])
    stage(url="http://h/b", name="b.csv")
    known = taken_up()
    assert set(known) == {URL, "http://h/b"}
    assert known[URL].path == known["http://h/b"].path
    assert known[URL].manifest != known["http://h/b"].manifest


def test_the_index_knows_better(store, index, stage, taken_up):
    """A row that is newer than what the dead process had is left as it is."""
    stage()
    [row] = taken_up().values()
    newer = row._replace(digest=f"sha256:{'0' * 64}", checked_at=LATER, changed_at=LATER)
    index.record([newer])
    stage()
    assert taken_up() == {URL: newer}


@pytest.mark.parametrize("died", ["staged", "published", "indexed"])
def test_what_a_dead_run_had_is_history_where_another_one_asked_later(store, index, known, stage, taken_up, died):
    """Wherever it died; recovered twice, it is one version."""
    index.record([known(digit="1", day=1), other := known("http://h/b", day=2)])
    recovered = stage(sent_at=day(3))
    if died != "staged":
        store.publish([recovered])
    if died == "indexed":
        index.record([known(digest=digest_of(b"content"), day=3, manifest="m")], [known(digit="1", day=1)])
    newer = known(digit="2", day=5)
    index.record([newer], [known(digit="1", day=1)])
    for _ in range(2):
        assert taken_up() == {URL: newer, other.url: other}
        versions = index.versions("s", url_digest(URL))
        assert [one.digest for one in versions] == [f"sha256:{'1' * 64}", digest_of(b"content"), newer.digest]
        assert [one.seen_at for one in versions] == [day(1), day(3), day(5)]
        stage(sent_at=day(3))


def test_an_answer_that_was_checked_since_is_not_overwritten(store, index, known, stage, taken_up):
    """The dead run had other bytes in between; what the index has was asked for later, though it is older."""
    checked = known(digit="1", day=1, checked_at=day(5))
    index.record([checked])
    stage(sent_at=day(3))
    assert taken_up() == {URL: checked._replace(changed_at=day(5))}
    digests = [one.digest for one in index.versions("s", url_digest(URL))]
    assert digests == [checked.digest, digest_of(b"content"), checked.digest]


def test_a_partial_file_is_parked(store, staging, taken_up):
    """What is worth resuming waits for whoever asks for its URL."""
    folder = staging.folder / "a" / "7"
    folder.mkdir(parents=True)
    body = bytes(WORTH_RESUMING)
    (folder / "body").write_bytes(body)
    note = ResumeInfo("s", URL, url_digest(URL), '"v1"', len(body), hashlib.sha256(body).hexdigest(), None)
    write_resume_info(folder, note)
    assert taken_up() == {}
    assert [partial.note for partial in Partials(store.hidden)] == [note]
    assert not folder.exists()


def test_what_cannot_be_published_is_an_error(store, stage, taken_up):
    """Nobody goes on as if it had been; it stays for the next one."""
    staged = stage()
    (store.root / "s").write_bytes(b"in the way")
    with pytest.raises(StoreError):
        taken_up()
    assert Path(staged.folder, "a.csv").exists()


# --- write-ahead logs


OTHER = "http://h/b"


@pytest.fixture
def logged(store, index, stage_logged):
    """Three URLs that were published from logs, two of them with the same bytes; where they lie."""
    batch = [stage_logged(), stage_logged(url=OTHER), stage_logged(b"other", url="http://h/c", name="c.csv")]
    return store.publish(batch)


def lose_all(root, _logged):
    """All that was renamed."""
    shutil.rmtree(root / "s")


def lose_one(root, logged):
    """An object with its manifests, and the folder above it."""
    shutil.rmtree((root / logged[0].path).parents[1])


def lose_files(root, logged):
    """All files: the folder's name was on the disk before them."""
    for path in (root / logged[0].path).parent.iterdir():
        path.unlink()


def lose_bytes(root, logged):
    """An object's, but not its length."""
    (root / logged[0].path).write_bytes(bytes(7))


def lose_length(root, logged):
    """An object's, as delayed allocation may."""
    (root / logged[0].path).write_bytes(b"")


def lose_manifests(root, logged):
    """Their bytes."""
    for path in (root / logged[0].path).parent.glob("*.manifest.json"):
        path.write_bytes(b"")


def lose_manifest(root, logged):
    """Of the first URL."""
    (root / logged[0].manifest_path).unlink()


def lose_claim(root, logged):
    """Of the second URL."""
    (root / logged[1].manifest_path).unlink()


def lose_nothing(_root, _logged):
    """But the index's rows."""


LOSSES = [
    lose_all,
    lose_one,
    lose_files,
    lose_bytes,
    lose_length,
    lose_manifests,
    lose_manifest,
    lose_claim,
    lose_nothing,
]


def all_there(store, known):
    """The index knows all of what was logged, and it is whole."""
    assert set(known) == {URL, OTHER, "http://h/c"}
    assert [store.read(known[url].path, known[url].digest) for url in (URL, OTHER)] == [b"content"] * 2
    assert store.read(known["http://h/c"].path, digest_of(b"other")) == b"other"
    assert verify(store).damaged == []
    assert len(list(store.objects())) == 2
    assert len(dict(store.manifests())) == 3


@pytest.mark.parametrize("loss", LOSSES)
def test_what_a_power_loss_took_is_written_again_from_the_log(store, logged, taken_up, loss):
    """Objects, manifests and rows."""
    loss(store.root, logged)
    all_there(store, taken_up())


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("at", ["publish", "record", "make_durable"])
@pytest.mark.parametrize("loss", LOSSES)
def test_who_recovers_from_a_log_may_die_too(
    tmp_path, store, index, logged, staging, taken_up, monkeypatch, loss, at, after
):
    """Before or after anything that it does; whoever comes next ends it."""
    loss(store.root, logged)
    dying = ContentStore(tmp_path)
    with monkeypatch.context() as death:
        fail_at(death, index if at == "record" else dying, at, after=after)
        with pytest.raises(KeyboardInterrupt):
            recover(dying, index, Partials(store.hidden), staging.folder)
    all_there(store, taken_up())


def fail_at(death, whose, name, *, after):
    """Die instead of doing something, or when it is done."""
    do = getattr(whose, name)

    def die(*arguments):
        if after:
            do(*arguments)
        raise KeyboardInterrupt

    death.setattr(whose, name, die)


@pytest.mark.parametrize("at", ["publish", "record"])
def test_who_dies_needs_the_logs_that_were_continued(
    tmp_path, store, index, stage_logged, staging, taken_up, monkeypatch, at
):
    """They go only when the index knows of all that they hold."""
    monkeypatch.setattr(write_ahead_log, "SEGMENT", 1)
    for number in range(3):
        store.publish([stage_logged(b"%d" % number, url=f"http://h/{number}")])
    lost = stage_logged(b"lost", url="http://h/lost")
    store.publish([lost])
    [path] = [path for path in store.objects() if (store.root / path).read_bytes() == b"lost"]
    shutil.rmtree((store.root / path).parent)
    for after in (False, True):
        dying = ContentStore(tmp_path)
        with monkeypatch.context() as death:
            fail_at(death, index if at == "record" else dying, at, after=after)
            with pytest.raises(KeyboardInterrupt):
                recover(dying, index, Partials(store.hidden), staging.folder)
    assert set(taken_up()) == {*(f"http://h/{number}" for number in range(3)), "http://h/lost"}
    assert verify(store).damaged == []


def test_what_is_logged_and_still_staged_is_published_once(store, stage_logged, staging, taken_up):
    """From where it was staged."""
    stage_logged()
    assert set(taken_up()) == {URL}
    assert (len(list(store.objects())), len(dict(store.manifests()))) == (1, 1)
    assert not (staging.folder / "again").exists()


@pytest.mark.parametrize("name", ["a.csv", "a.csv.manifest.json"])
def test_what_is_staged_in_part_is_whole_in_the_log(store, stage_logged, taken_up, name):
    """A power loss has cut the one, and the other was synced."""
    staged = stage_logged()
    Path(staged.folder, name).write_bytes(b"")
    known = taken_up()
    assert store.read(known[URL].path, digest_of(b"content")) == b"content"
    assert verify(store).damaged == []


def test_what_is_cut_in_the_log_is_left(store, logged, staging, taken_up):
    """It was reported by nobody; all before it is taken up."""
    lose_all(store.root, logged)
    [log] = map(Path, logs_in(staging.folder))
    log.write_bytes(log.read_bytes()[:-1])
    assert set(taken_up()) == {URL, OTHER}


@pytest.mark.parametrize("what", [b"other", b'"source"'])
def test_what_is_damaged_in_the_log_is_left(store, logged, staging, taken_up, what):
    """Bytes that are not those of their digest, and what is no manifest, are not believed."""
    lose_all(store.root, logged)
    [log] = map(Path, logs_in(staging.folder))
    content = log.read_bytes()
    last = content.rindex(what)
    log.write_bytes(content[:last] + bytes(len(what)) + content[last + len(what) :])
    assert set(taken_up()) == {URL, OTHER}
    assert verify(store).damaged == []


def test_the_index_knows_better_than_the_log(store, index, logged, staging, taken_up):
    """A URL that was updated since, maybe by another process, stays so."""
    recover(ContentStore(store.root), index, Partials(store.hidden), staging.folder)
    known = {row.url: row for row in index.current("s")}
    newer = known[URL]._replace(digest=known["http://h/c"].digest, checked_at=LATER, changed_at=LATER)
    index.record([newer])
    lose_all(store.root, logged)
    found = taken_up()
    # The one whose manifest is the first of the folder may be the other one now.
    places = {url: {"manifest": found[url].manifest} for url in known}
    assert found == {url: row._replace(**places[url]) for url, row in (known | {URL: newer}).items()}
    assert all(store.manifest(row.manifest).url == url for url, row in found.items() if url != URL)
    assert len(list(store.objects())) == 2


def test_versions_of_a_url_are_all_there_again(store, stage_logged, taken_up):
    """The last of them is the one that counts."""
    versions = [stage_logged(b"%d" % number) for number in range(3)]
    published = [one for staged in versions for one in store.publish([staged])]
    lose_all(store.root, published)
    [row] = taken_up().values()
    assert row.path == published[2].path
    assert sorted(store.objects()) == sorted(one.path for one in published)
    assert verify(store).damaged == []


def test_a_folder_is_not_listed_for_each_url_of_its_bytes(store, stage_logged, taken_up, listed):
    """What a log holds of them is taken up in a time that grows with their number, not with its square."""
    for number in range(20):
        stage_logged(url=f"http://h/{number}", name=f"{number}.csv")
    [row, *_] = taken_up().values()
    assert listed.count((store.root / row.path).parent) <= 1
    assert len(dict(store.manifests())) == 20


def test_an_empty_folder_is_nothing(taken_up):
    """A process that died before anything came."""
    assert taken_up() == {}


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
