"""The content store."""

import subprocess
import sys
from collections import Counter
from contextlib import closing
from pathlib import Path

import pytest

from airnub_common import digest_of, sha256_hex
from airnub_core import ContentStore, verify
from airnub_core.errors import StoreError
from airnub_core.store import durability, objects, write_ahead_log
from airnub_core.store.base import PublishResult
from airnub_core.store.index.sqlite import SqliteIndex
from airnub_core.store.manifest import Manifest
from airnub_core.store.objects import remove_empty
from airnub_core.store.recovery import read_intent_logs
from airnub_core.store.write_ahead_log import logs_in, read_log


@pytest.fixture
def store(tmp_path):
    """An empty store."""
    opened = ContentStore(tmp_path)
    yield opened
    opened.close()


@pytest.fixture
def publish(store, stage):
    """Publish bytes of a URL; where they lie, with their manifest."""

    def one(content=b"content", url="http://h/a", name="a.csv", source="s"):
        [published] = store.publish([stage(content, url, name, source)])
        assert isinstance(published, PublishResult), published
        return published

    return one


HEX = sha256_hex(b"content")
FOLDER = f"s/{HEX[:2]}/{HEX}"


def names(store):
    """What lies in the folder of the one object."""
    return sorted(path.name for path in (store.root / FOLDER).iterdir())


def test_where_it_is_and_what_it_has(store, publish, tmp_path):
    """Its name is its folder; of an object the size is known without a look at its bytes."""
    assert store.name == str(tmp_path)
    publish()
    assert store.has(f"{FOLDER}/a.csv", 7)
    assert not store.has(f"{FOLDER}/a.csv", 8)
    assert not store.has(f"{FOLDER}/b.csv", 7)


def batches(stage, number, size=10):
    """So many batches of URLs, all with the same bytes, each URL with a file name of its own."""
    urls = [(f"http://h/{place}", f"{place:04}.csv") for place in range(number * size)]
    return [[stage(url=url, name=name) for url, name in urls[at : at + size]] for at in range(0, len(urls), size)]


def test_a_folder_is_not_listed_for_each_url_of_its_bytes(store, stage, listed):
    """Once in a process: what a URL costs does not grow with the number of those that brought the same bytes."""
    for batch in batches(stage, 4):
        assert all(isinstance(one, PublishResult) for one in store.publish(batch))
    assert listed.count(store.root / FOLDER) == 1
    assert (len(list(store.objects())), len(dict(store.manifests()))) == (1, 40)
    assert verify(store).damaged == []


def test_more_folders_than_are_remembered(store, stage, monkeypatch):
    """Those that were forgotten are listed again."""
    monkeypatch.setattr(objects, "_NAMES", 2)
    for url in ("http://h/a", "http://h/b", "http://h/c"):
        batch = [stage(b"%d" % number, f"{url}/{number}", f"{url[-1]}.csv") for number in range(5)]
        assert [one.path.rpartition("/")[2] for one in store.publish(batch)] == ["a.csv"] * 5
    assert verify(store).damaged == []


def test_a_folder_whose_object_went_is_listed_again(store, publish):
    """What was remembered of it does not hold any more."""
    publish()
    publish(url="http://h/b", name="b.csv")
    (store.root / FOLDER / "a.csv").rename(store.root / FOLDER / "c.csv")
    assert publish(url="http://h/c", name="d.csv").path == f"{FOLDER}/c.csv"
    assert sorted(store.objects()) == [f"{FOLDER}/c.csv"]


def test_of_what_is_there_nothing_is_synced_with_a_further_url(store, stage, synced):
    """But the object: a batch costs as much as it brings, however many manifests are in the folder."""
    for batch in batches(stage, 4):
        store.publish(batch)
    store.close()
    if None not in synced:
        manifests = [path for path in synced if path.parent == store.root / FOLDER and path.suffix == ".json"]
        assert len(set(manifests)) == 40
        assert max(Counter(manifests).values()) <= 2  # in its own batch, and in that which brought the object


def test_removing_does_not_list_the_folder(store, publish, listed):
    """Folders go when they are empty, up to that of the source."""
    places = [publish(url=f"http://h/{number}") for number in range(5)]
    assert publish(b"other").new
    listed.clear()
    for path in (places[0].path, *(place.manifest_path for place in places)):
        store.remove(path)
    assert listed == []
    assert not (store.root / FOLDER).exists()
    assert (store.root / "s").is_dir()


@pytest.mark.parametrize(
    "name",
    [
        "../../x",
        "/etc/passwd",
        "a\0b",
        "...",
        "",
        "x" * 300,
        "x" * 300 + ".csv",
        "CON",
        "\u202efdp.exe",
        "a/b\\c",
        ".hidden",
    ],
)
def test_hostile_names_stay_in_the_folder(store, publish, name):
    """The original is kept in the manifest; manifests of further URLs fit too."""
    published = publish(name=name)
    publish(url="http://h/b", name=name)
    [path] = store.objects()
    assert path == published.path == store.manifest(published.manifest_path).path
    assert path.rpartition("/")[0] == FOLDER
    assert store.manifest(published.manifest_path).original_file_name == name
    assert verify(store).damaged == []
    assert {entry.name for entry in store.root.iterdir()} == {"s", ".airnub"}


@pytest.mark.parametrize("name", ["a.manifest.json", ".manifest.json", "a.csv.0123abcd.manifest.json"])
def test_no_object_is_taken_for_a_manifest(store, publish, name):
    """Whatever a server calls its file."""
    publish(name=name)
    assert len(list(store.objects())) == 1
    assert verify(store).damaged == []


@pytest.mark.parametrize("damage", [b"other!!"])
def test_an_object_of_its_size_that_is_damaged_is_mended(store, publish, damage):
    """Also where only its digest shows it: what does not fit that is no object, and makes room."""
    publish()
    (store.root / FOLDER / "a.csv").write_bytes(damage)
    publish(url="http://h/b", name="b.csv")
    assert (store.root / FOLDER / "a.csv").read_bytes() == b"content"
    assert verify(store).damaged == []


def test_a_url_has_one_claim(store, publish):
    """Where the first manifest and its own are damaged, it takes the first place, and its own one goes."""
    first, own = publish(), publish(url="http://h/b")
    for damaged in (first, own):
        (store.root / damaged.manifest_path).write_bytes(b"{")
    assert publish(url="http://h/b").manifest_path == first.manifest_path
    assert not (store.root / own.manifest_path).exists()
    assert verify(store).damaged == []


def test_what_a_killed_process_left_is_no_object(store, publish):
    """Files whose names begin with a dot were never published."""
    publish()
    (store.root / FOLDER / ".half").write_bytes(b"x")
    assert list(store.objects()) == [f"{FOLDER}/a.csv"]
    assert verify(store).damaged == []


def test_nothing_is_left_in_staging(store, publish, staging):
    """Whether the bytes were new or not, when all is durable; until then the lists of a batch are kept."""
    publish()
    publish()
    own = staging.folder / "own"
    assert {path.name for path in staging.folder.iterdir()} == {"own", "lock", "redo-2.json"}
    assert [path.name for path in own.iterdir()] == ["2"]
    store.close()
    assert {path.name for path in staging.folder.iterdir()} == {"own", "lock"}
    assert list(own.iterdir()) == []


def test_a_store_can_be_moved(store, publish, tmp_path_factory):
    """Paths in manifests are relative to the root."""
    published = publish()
    moved = tmp_path_factory.mktemp("moved") / "store"
    (store.root / "s").rename(moved.parent / "s")
    assert ContentStore(moved.parent).read(published.path, digest_of(b"content")) == b"content"


@pytest.fixture(params=["syncfs", "one by one"])
def durably(request, monkeypatch):
    """Both ways of making things durable; only Linux has the first."""
    if request.param == "one by one":
        monkeypatch.setattr(durability, "_syncfs", None)


@pytest.mark.usefixtures("durably")
def test_one_that_cannot_be_published_keeps_no_other_from_it(store, stage):
    """Its error says why, and it stays as it was; a later batch has it where its place is free again."""
    (store.root / "t").write_bytes(b"in the way")
    first, refused, last = stage(b"1"), stage(b"2", source="t"), stage(b"3")
    published = store.publish([first, refused, last])
    assert [type(one) for one in published] == [PublishResult, StoreError, PublishResult]
    assert str(store.root / "t") in str(published[1])
    store.close()
    assert Path(refused.folder, "a.csv").read_bytes() == b"2"
    (store.root / "t").unlink()
    assert store.publish([refused])[0].new


def test_what_is_published_was_written_down_before(store, stage, staging):
    """All of a batch, whatever became of it, until what was done is durable."""
    batch = [stage(b"1"), stage(b"2"), stage(b"1", url="http://h/b")]
    store.publish(batch)
    assert list(read_intent_logs(staging.folder)) == batch
    store.close()
    assert list(read_intent_logs(staging.folder)) == []


def test_a_batch_that_the_disk_does_not_take(store, stage, staging):
    """None of it is published, and all of it can be once more."""
    batch = [stage(b"1"), stage(b"2")]
    in_the_way = staging.folder / "redo-1.json"
    in_the_way.mkdir()
    with pytest.raises(IsADirectoryError):
        store.publish(batch)
    assert list(store.objects()) == []
    in_the_way.rmdir()
    assert all(one.new for one in store.publish(batch))


def test_the_staged_folder_of_a_claim_waits_for_its_durability(store, publish, stage):
    """It is what a crash leaves of it: the next batch, or the end, is when it goes."""
    publish()
    claim = stage(url="http://h/b")
    store.publish([claim])
    assert Path(claim.folder).is_dir()
    store.publish([stage(b"other")])
    assert not Path(claim.folder).exists()


def test_what_is_logged_takes_a_sync_of_its_log_alone(store, stage_logged, staging, synced):
    """At first also of the folders that name it; and no list is written."""
    published = store.publish([stage_logged(b"1"), stage_logged(b"2", url="http://h/b")])
    assert [one.new for one in published] == [True, True]
    [log] = map(Path, logs_in(staging.folder))
    above = [log.parent, *log.parents[1:5]]
    assert above[-1] == store.root
    assert synced[0] == log
    assert [path for path in synced if path.is_dir()] == above
    synced.clear()
    store.publish([stage_logged(b"3", url="http://h/c")])
    assert synced == [log]
    assert list(read_intent_logs(staging.folder)) == []
    assert len(list(store.objects())) == 3


_TAKE = """
import fcntl, sys
with open(sys.argv[1], "r+b") as file:
    try:
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, int(sys.argv[2]))
    except OSError:
        print("held")
    else:
        print("free")
"""
_IN_USE = 128
"""The byte of `-shm` that SQLite keeps locked while it has the file mapped; who can lock it truncates the file."""


@pytest.mark.parametrize("at_once", [True, False])
def test_publishing_drops_no_lock_of_the_index(store, stage, stage_logged, monkeypatch, at_once):
    """A process that closes any handle of a file loses its locks on it, so the index's files are not synced here."""
    if not at_once:
        monkeypatch.setattr(durability, "_syncfs", None)
    path = store.hidden / "index.sqlite"
    with closing(SqliteIndex(path)):
        store.publish([stage_logged(b"1")])
        store.publish([stage(b"2", url="http://h/b")])
        store.close()
        other = subprocess.run(
            [sys.executable, "-c", _TAKE, f"{path}-shm", str(_IN_USE)], capture_output=True, text=True, check=True
        )
    assert other.stdout == "held\n"


def test_a_root_that_is_not_written_plainly(tmp_path, stage_logged):
    """Its logs are synced all the same."""
    store = ContentStore(tmp_path / "s" / "..")
    (tmp_path / "s").mkdir()
    assert store.publish([stage_logged()])[0].new
    store.close()


def test_a_claim_that_is_logged(store, publish, stage_logged, log, staging):
    """Its staged folder goes at once: the log has it."""
    publish()
    claim = stage_logged(url="http://h/b")
    [published] = store.publish([claim])
    assert (published.new, published.path) == (False, f"{FOLDER}/a.csv")
    assert not Path(claim.folder).exists()
    [path] = map(Path, logs_in(staging.folder))
    assert [Manifest.parse(entry.manifest, "").url for entry in read_log(path)] == ["http://h/b"]


def test_a_batch_of_which_one_is_not_logged(store, stage, stage_logged, staging, synced):
    """All of it is made durable where it is staged, with the list of it and the folders that name it."""
    batch = [stage_logged(b"1"), stage(b"2", url="http://h/b")]
    store.publish(batch)
    assert list(read_intent_logs(staging.folder)) == batch
    if None in synced:
        assert synced == [None]
    else:
        folders = [Path(one.folder) for one in batch]
        files = {folder / name for folder in folders for name in ("a.csv", "a.csv.manifest.json")}
        home = staging.folder
        wanted = {*folders, *files, home, home / "own", home / "redo-1.json", *map(Path, logs_in(home))}
        assert wanted <= set(synced)
        assert {path for path in synced if path.suffix == ""} <= wanted | {home / "lock"}


def test_names_are_durable_up_to_the_root(store, publish, synced):
    """Also those of the folders that were made for the first object of a source."""
    publish()
    synced.clear()
    store.close()
    if None not in synced:
        folder = store.root / FOLDER
        assert {folder, *folder.parents[:3]} <= set(synced)
        assert folder.parents[2] == store.root


@pytest.fixture
def small_segments(monkeypatch):
    """A log is continued in another file after every entry."""
    monkeypatch.setattr(write_ahead_log, "SEGMENT", 1)


@pytest.mark.usefixtures("small_segments")
def test_logs_that_are_many_are_made_needless(store, stage_logged, staging, synced):
    """By one sync of all that they hold, published or not; the one that is appended to stays."""
    early = [stage_logged(b"early %d" % number, url=f"http://h/early/{number}") for number in range(2)]
    for number in range(2):
        store.publish([stage_logged(b"%d" % number, url=f"http://h/{number}")])
    assert [Path(path).name for path in logs_in(staging.folder)] == [f"own-00000{number}.log" for number in range(1, 5)]
    assert None not in synced
    synced.clear()
    last = stage_logged(b"last", url="http://h/last")
    renamed = {path.parent for path in map(store.root.joinpath, store.objects())}
    store.publish([last])
    assert [Path(path).name for path in logs_in(staging.folder)] == ["own-000005.log"]
    if None not in synced:
        assert {*renamed, *(Path(one.folder) for one in [*early, last]), staging.folder / "own"} <= set(synced)
    # They have no log any more: a list says that they are published.
    for one in early:
        store.publish([one])
        assert list(read_intent_logs(staging.folder)) == [one]
    synced.clear()
    store.publish([stage_logged(b"next", url="http://h/next")])
    assert None not in synced
    assert list(read_intent_logs(staging.folder)) == [one]
    assert len(list(store.objects())) == 6
    assert verify(store).damaged == []


@pytest.mark.parametrize(("number", "stay"), [(2, False), (3, True)])
def test_the_end_leaves_logs_of_many(store, stage, stage_logged, staging, synced, monkeypatch, number, stay):
    """Of few, a sync of their objects takes no longer than the next run would."""
    monkeypatch.setattr(objects, "LEFT", 2)
    store.publish([stage_logged(b"%d" % one, url=f"http://h/{one}") for one in range(number)])
    synced.clear()
    store.close()
    assert (synced == []) == stay
    assert len(logs_in(staging.folder)) == stay
    store.close()
    assert (synced == []) == stay


def test_the_end_leaves_lists_with_the_logs(store, stage, stage_logged, staging, monkeypatch):
    """Whatever makes good what a power loss takes; and nothing where a list made the logs needless."""
    monkeypatch.setattr(objects, "LEFT", 2)
    store.publish([stage(b"0")])
    store.publish([stage_logged(b"%d" % one, url=f"http://h/{one}") for one in range(3)])
    store.close()
    assert (len(logs_in(staging.folder)), len(list(read_intent_logs(staging.folder)))) == (1, 1)
    store.publish([stage(b"4")])
    store.close()
    assert (len(logs_in(staging.folder)), len(list(read_intent_logs(staging.folder)))) == (0, 0)


def test_a_log_that_the_disk_does_not_take(store, stage_logged, monkeypatch):
    """None of the batch is published, and all of it can be once more."""
    batch = [stage_logged(b"1"), stage_logged(b"2", url="http://h/b")]

    def full(_path):
        raise OSError(28, "full")

    with monkeypatch.context() as disk:
        disk.setattr(durability, "_sync", full)
        with pytest.raises(OSError, match="full"):
            store.publish(batch)
    assert list(store.objects()) == []
    assert all(one.new for one in store.publish(batch))


def test_nothing_to_publish_is_nothing_to_do(tmp_path):
    """Not even the folder has to be there."""
    store = ContentStore(tmp_path / "none")
    assert store.publish([]) == []
    store.close()
    assert not (tmp_path / "none").exists()


def test_what_is_removed_leaves_no_empty_folders(store, publish):
    """And nothing else goes with it; what is gone already is no error."""
    published, kept = publish(), publish(source="t")
    for _ in range(2):
        store.remove(published.path)
    assert (store.root / published.manifest_path).exists()
    store.remove(published.manifest_path)
    assert {path.name for path in store.root.iterdir()} == {"t", ".airnub"}
    assert list(store.objects()) == [kept.path]


def test_empty_folders_go_up_to_one_that_is_not(tmp_path):
    """None is listed; one that cannot be removed for another reason is an error."""
    inner = tmp_path / "a" / "b" / "c"
    inner.mkdir(parents=True)
    (tmp_path / "a" / "file").touch()
    remove_empty([inner, *inner.parents])
    assert [path.name for path in tmp_path.glob("a/*")] == ["file"]
    with pytest.raises(FileNotFoundError):
        remove_empty([inner])
