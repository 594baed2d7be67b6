"""Recovery; that a process which is killed leaves nothing to be done twice is tested in `reliability`."""

import hashlib
import shutil
from pathlib import Path

import pytest

from airnub_common import digest_of
from airnub_core import ContentStore, open_store, verify
from airnub_core.errors import StoreError
from airnub_core.store.manifest import url_digest
from airnub_core.store.partials import WORTH_RESUMING, Note, Partials, write_note
from airnub_core.store.recovery import recover
from airnub_core.store.redo import write_redo_list
from airnub_core.store.staging import Staging

URL = "http://h/a"


@pytest.fixture
def store(tmp_path):
    """An empty store."""
    return ContentStore(tmp_path)


@pytest.fixture
def staging(tmp_path):
    """The staging folder of a process that has died."""
    with Staging(tmp_path / ".airnub" / "staging") as dead:
        dead.abandon()
    return dead


@pytest.fixture
def index(tmp_path):
    """An empty index."""
    with open_store(tmp_path) as (_, opened):
        yield opened


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
    write_redo_list(staging.folder, 1, [stage()])
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
    newer = row._replace(digest=f"sha256:{'0' * 64}", changed_at="2999-01-01T00:00:00+00:00")
    index.record([newer])
    stage()
    assert taken_up() == {URL: newer}


def test_a_partial_file_is_parked(store, staging, taken_up):
    """What is worth resuming waits for whoever asks for its URL."""
    folder = staging.folder / "a7"
    folder.mkdir()
    body = bytes(WORTH_RESUMING)
    (folder / "body").write_bytes(body)
    note = Note("s", URL, url_digest(URL), '"v1"', len(body), hashlib.sha256(body).hexdigest(), None)
    write_note(folder, note)
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


def test_an_empty_folder_is_nothing(taken_up):
    """A process that died before anything came."""
    assert taken_up() == {}
