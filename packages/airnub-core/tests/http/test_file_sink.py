"""The file sink."""

import hashlib
import shutil
import threading
from pathlib import Path

import pytest
from answers import answered, requested
from misbehaviours import content

from airnub_common import digest_of
from airnub_core.errors import StoreError
from airnub_core.http.file_sink import SMALL, FileSink
from airnub_core.http.large_file import Buffers
from airnub_core.store.layout import Staged
from airnub_core.store.manifest import Manifest, url_digest
from airnub_core.store.partials import WORTH_RESUMING, key_of
from airnub_core.store.stager import Stager
from airnub_core.store.write_ahead_log import logs_in, read_log

URL = "http://h/a"
ASKED = requested(URL, number=7)


def body_of(file_sink, content, note=None):
    """A body that came in two pieces."""
    body = file_sink.body()
    body.write(content[:1])
    body.write(content[1:])
    if note is not None:
        body.note(note)
    return body


def land(file_sink, body, headers=(), url="http://h/x/a.csv"):
    """The body is whole."""
    file_sink.whole(answered(ASKED, url, headers, attempts=2), body)


@pytest.mark.parametrize("size", [0, 1, SMALL, SMALL + 1, 3_000_000])
def test_what_is_whole_is_staged(file_sink, reported_by_sink, staging_folder, size):
    """Bytes and manifest, alone in a folder that can be published, whatever the size."""
    land(
        file_sink,
        body_of(file_sink, content(size)),
        {"etag": '"1"', "last-modified": "Mon", "content-type": "text/csv"},
    )
    file_sink.close()
    assert not file_sink.busy
    [result] = reported_by_sink
    digits = hashlib.sha256(content(size)).hexdigest()
    [folder] = (staging_folder / "a").iterdir()
    staged = Staged(str(folder), "s", "a.csv", digits, size, url_digest(URL))
    validators = {"etag": '"1"', "last-modified": "Mon"}
    assert result == answered(ASKED, "http://h/x/a.csv", validators, attempts=2, staged=staged)
    assert {path.name for path in folder.iterdir()} == {"a.csv", "a.csv.manifest.json"}
    assert (folder / "a.csv").read_bytes() == content(size)
    manifest = Manifest.read(folder / "a.csv.manifest.json")
    assert (manifest.url, manifest.final_url, manifest.content_type) == (URL, "http://h/x/a.csv", "text/csv")
    assert (manifest.digest, manifest.size) == (digest_of(content(size)), size)


@pytest.fixture
def logging_landing(staging_folder, partials, reported_by_sink):
    """One that logs; closed at the end."""
    made = FileSink(Stager(staging_folder, "b", is_logged=True), partials, Buffers(4, 1), reported_by_sink.append)
    yield made
    made.close()


def test_small_bodies_are_logged(logging_landing, reported_by_sink, staging_folder):
    """With their manifests, as they are staged, when what was reported is flushed; large ones are not."""
    for size in (0, 3, SMALL, SMALL + 1):
        land(logging_landing, body_of(logging_landing, content(size)))
    logging_landing.wait()
    assert logs_in(staging_folder) == []
    logging_landing.flush()
    staged = {result.staged.size: result.staged for result in reported_by_sink}
    assert {size: one.is_logged for size, one in staged.items()} == {0: True, 3: True, SMALL: True, SMALL + 1: False}
    [log] = map(Path, logs_in(staging_folder))
    logged = {len(entry.content): entry for entry in read_log(log)}
    assert set(logged) == {0, 3, SMALL}
    for size, entry in logged.items():
        folder = staging_folder / entry.folder
        assert str(folder) == staged[size].folder
        assert entry.content == (folder / "a.csv").read_bytes() == content(size)
        assert entry.manifest == (folder / "a.csv.manifest.json").read_bytes()


def test_a_log_that_cannot_be_written(logging_landing, reported_by_sink, staging_folder):
    """Whoever flushes hears that the store is gone."""
    land(logging_landing, body_of(logging_landing, b"small"))
    shutil.rmtree(staging_folder)
    with pytest.raises(StoreError, match="staging"):
        logging_landing.flush()


def test_who_does_not_log_has_nothing_to_flush(file_sink, staging_folder):
    """And no folder for it."""
    land(file_sink, body_of(file_sink, b"small"))
    file_sink.flush()
    assert [path.name for path in staging_folder.iterdir()] == ["a"]


@pytest.mark.parametrize("size", [3, SMALL + 1])
def test_a_hostile_name_stays_in_its_folder(file_sink, reported_by_sink, staging_folder, size):
    """The manifest keeps what the server called it."""
    hostile = "../../x.manifest.json"
    land(file_sink, body_of(file_sink, content(size)), {"content-disposition": f'attachment; filename="{hostile}"'})
    file_sink.close()
    staged = reported_by_sink[0].staged
    assert Path(staged.folder).parent == staging_folder / "a"
    assert (Path(staged.folder) / staged.file_name).read_bytes() == content(size)
    manifest = Manifest.read(Path(staged.folder, f"{staged.file_name}.manifest.json"))
    assert (manifest.original_file_name, manifest.file_name) == (hostile, staged.file_name)


def test_folders_are_apart(file_sink, reported_by_sink, staging_folder):
    """Many at once, small and large, each in the folder that is nobody else's."""
    for number in range(20):
        land(file_sink, body_of(file_sink, content(SMALL - 5 + number, number)))
    file_sink.close()
    folders = [Path(result.staged.folder) for result in reported_by_sink]
    assert len(set(folders)) == 20
    assert {folder.parent for folder in folders} == {staging_folder / "a"}
    sizes = {result.staged.size: Path(result.staged.folder, "a.csv").stat().st_size for result in reported_by_sink}
    assert sizes == {SMALL - 5 + number: SMALL - 5 + number for number in range(20)}


def test_who_comes_later_has_a_folder_of_its_own(file_sink, reported_by_sink, staging_folder, partials):
    """Though it is called the same: what the first one left there, and in its log, is not touched."""
    land(file_sink, body_of(file_sink, b"first"))
    later = [
        FileSink(Stager(staging_folder, "a", is_logged=True), partials, Buffers(1, 1), reported_by_sink.append)
        for _ in range(2)
    ]
    for number, one in enumerate(later):
        land(one, body_of(one, content(3, number)))
        one.flush()
        one.close()
    folders = [Path(result.staged.folder).relative_to(staging_folder).as_posix() for result in reported_by_sink]
    assert folders == ["a/1", "a2/1", "a3/1"]
    assert [Path(path).name for path in logs_in(staging_folder)] == ["a2-000001.log", "a3-000001.log"]


def test_what_is_given_up_leaves_nothing(file_sink, reported_by_sink, staging_folder):
    """Small or large."""
    for size in (3, SMALL + 1):
        file_sink.discard(body_of(file_sink, content(size)))
    file_sink.close()
    assert (reported_by_sink, list((staging_folder / "a").iterdir())) == ([], [])


def found_by(file_sink):
    """What an earlier run left of the URL."""
    found, ready = [], threading.Event()

    def on_ready(body):
        found.append(body)
        ready.set()

    file_sink.resume(ASKED, on_ready)
    assert ready.wait(60)
    return found[0]


def test_what_is_parked_can_be_resumed(file_sink, reported_by_sink, staging_folder, partials, note):
    """By whoever looks for its URL, once, with all that has come."""
    body = content(3 * WORTH_RESUMING)
    file_sink.park(body_of(file_sink, body[: WORTH_RESUMING + 1], note))
    while not partials.keys():
        pass
    assert partials.keys() == {key_of("s", url_digest(URL))}
    again = found_by(file_sink)
    assert (again.size, again.resumable.etag) == (WORTH_RESUMING + 1, '"v1"')
    assert found_by(file_sink) is None
    again.write(body[WORTH_RESUMING + 1 :])
    land(file_sink, again)
    file_sink.close()
    [result] = reported_by_sink
    assert result.staged.hex_digits == hashlib.sha256(body).hexdigest()
    assert [path.name for path in (staging_folder / "a").iterdir()] == [Path(result.staged.folder).name]
    assert partials.keys() == frozenset()


def test_what_was_parked_and_damaged_is_nothing(file_sink, staging_folder, partials, note):
    """It goes, and the whole is fetched."""
    file_sink.park(body_of(file_sink, content(WORTH_RESUMING), note))
    while not partials.keys():
        pass
    [parked] = partials
    (parked.folder / "body").write_bytes(b"other")
    assert found_by(file_sink) is None
    file_sink.close()
    assert (partials.keys(), list((staging_folder / "a").iterdir())) == (frozenset(), [])


def test_a_store_that_was_removed(file_sink, reported_by_sink, staging_folder):
    """No result is lost over it: the run is told that nothing goes on."""
    shutil.rmtree(staging_folder)
    land(file_sink, body_of(file_sink, b"small"))
    file_sink.close()
    [result] = reported_by_sink
    assert isinstance(result, StoreError)


def test_a_large_file_in_a_store_that_was_removed(file_sink, staging_folder):
    """Whoever writes hears of it at once."""
    shutil.rmtree(staging_folder)
    with pytest.raises(FileNotFoundError):
        body_of(file_sink, content(SMALL + 1))
