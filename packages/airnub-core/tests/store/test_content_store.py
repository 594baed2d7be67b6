"""The content store."""

from datetime import UTC, datetime

import pytest

from airnub_common import digest_of, sha256_hex
from airnub_core import ContentStore, verify
from airnub_core.errors import DamagedManifestError, DamagedObjectError
from airnub_core.store.manifest import Manifest, url_digest


@pytest.fixture
def store(tmp_path):
    """An empty store."""
    return ContentStore(tmp_path)


@pytest.fixture
def publish(store):
    """Publish bytes for a URL."""
    with store.staging() as staging:

        def one(content=b"content", url="http://h/a", name="a.csv", source="s"):
            body = staging.body()
            body.write(content)

            def describe(digest, path, file_name):
                return Manifest(
                    source=source,
                    url=url,
                    url_digest=url_digest(url),
                    final_url=url,
                    path=path,
                    file_name=file_name,
                    original_file_name=name,
                    digest=digest,
                    size=len(content),
                    fetched_at=datetime.now(UTC),
                )

            return store.publish(body, source, name, describe)

        yield one


HEX = sha256_hex(b"content")
FOLDER = f"s/{HEX[:2]}/{HEX}"


def names(store):
    """What lies in the folder of the one object."""
    return sorted(path.name for path in (store.root / FOLDER).iterdir())


def test_an_object_lies_under_its_digest(store, publish):
    """Its manifest lies beside it and says where it is."""
    published = publish()
    assert published.new
    assert published.manifest.path == f"{FOLDER}/a.csv"
    assert published.manifest_path == f"{FOLDER}/a.csv.manifest.json"
    assert Manifest.read(store.root / published.manifest_path) == published.manifest
    assert store.read(f"{FOLDER}/a.csv", digest_of(b"content")) == b"content"
    assert store.has(f"{FOLDER}/a.csv", 7)
    assert not store.has(f"{FOLDER}/a.csv", 8)
    assert not store.has(f"{FOLDER}/b.csv", 7)


def test_a_second_url_adds_a_manifest_of_its_own(store, publish):
    """It names the file that is there; the first manifest is not touched."""
    publish()
    before = (store.root / FOLDER / "a.csv.manifest.json").read_bytes()
    second = publish(url="http://h/b", name="b.csv")
    suffix = url_digest("http://h/b")[:8]
    assert not second.new
    assert second.manifest_path == f"{FOLDER}/a.csv.{suffix}.manifest.json"
    assert (second.manifest.path, second.manifest.original_file_name) == (f"{FOLDER}/a.csv", "b.csv")
    assert names(store) == sorted(["a.csv", "a.csv.manifest.json", f"a.csv.{suffix}.manifest.json"])
    assert (store.root / FOLDER / "a.csv.manifest.json").read_bytes() == before


def test_the_same_url_again_changes_nothing(store, publish):
    """Objects and manifests are never overwritten."""
    first, _ = publish(), publish(url="http://h/b")
    before = {path: path.read_bytes() for path in (store.root / FOLDER).iterdir()}
    again = publish()
    assert (again.new, again.manifest) == (False, first.manifest)
    publish(url="http://h/b")
    assert {path: path.read_bytes() for path in (store.root / FOLDER).iterdir()} == before


def test_sources_are_apart(store, publish):
    """Equal bytes of two sources are two objects."""
    publish()
    assert publish(source="t").new
    assert sorted(store.objects()) == [f"{FOLDER}/a.csv", f"t/{HEX[:2]}/{HEX}/a.csv"]


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
    assert path == published.manifest.path
    assert path.rpartition("/")[0] == FOLDER
    assert published.manifest.original_file_name == name
    assert verify(store).damaged == []
    assert {entry.name for entry in store.root.iterdir()} == {"s", ".airnub"}


@pytest.mark.parametrize("name", ["a.manifest.json", ".manifest.json", "a.csv.0123abcd.manifest.json"])
def test_no_object_is_taken_for_a_manifest(store, publish, name):
    """Whatever a server calls its file."""
    publish(name=name)
    assert len(list(store.objects())) == 1
    assert verify(store).damaged == []


@pytest.mark.parametrize("damage", [b"", b"conten", b"other!!"])
def test_a_damaged_object_is_mended_by_whole_bytes(store, publish, damage):
    """What does not fit its digest is no object, and makes room."""
    publish()
    (store.root / FOLDER / "a.csv").write_bytes(damage)
    publish(url="http://h/b", name="b.csv")
    assert (store.root / FOLDER / "a.csv").read_bytes() == b"content"
    assert verify(store).damaged == []


def test_a_lost_object_is_mended_by_whole_bytes(store, publish):
    """Also when only manifests were left."""
    publish()
    (store.root / FOLDER / "a.csv").unlink()
    publish()
    assert (store.root / FOLDER / "a.csv").read_bytes() == b"content"
    assert verify(store).damaged == []


def test_a_damaged_manifest_is_written_again(store, publish):
    """It was of no use to anybody."""
    publish()
    (store.root / FOLDER / "a.csv.manifest.json").write_bytes(b"{")
    publish()
    assert verify(store).damaged == []


def test_two_urls_of_the_same_first_digits_are_an_error(store, publish):
    """Once in four thousand million; it is told, and not passed over."""
    publish()
    publish(url="http://h/b")
    own = store.root / FOLDER / f"a.csv.{url_digest('http://h/b')[:8]}.manifest.json"
    other = Manifest.read(own).model_copy(update={"url_digest": url_digest("http://h/c")})
    own.write_bytes(other.as_bytes())
    with pytest.raises(DamagedManifestError, match="collide"):
        publish(url="http://h/b")


def test_what_a_killed_process_left_is_no_object(store, publish):
    """Files whose names begin with a dot were never published."""
    publish()
    (store.root / FOLDER / ".half").write_bytes(b"x")
    assert list(store.objects()) == [f"{FOLDER}/a.csv"]
    assert verify(store).damaged == []


def test_nothing_is_left_in_staging(store, publish):
    """Whether the bytes were new or not."""
    publish()
    publish()
    assert not list((store.hidden / "staging").glob("*/[0-9]*"))


def test_damaged_bytes_are_never_handed_on(store, publish):
    """Read checks the digest; a missing object is an error as well."""
    publish()
    (store.root / FOLDER / "a.csv").write_bytes(b"other")
    with pytest.raises(DamagedObjectError, match="expected sha256:"):
        store.read(f"{FOLDER}/a.csv", digest_of(b"content"))
    with pytest.raises(DamagedObjectError):
        store.read(f"{FOLDER}/none", digest_of(b"content"))


def test_manifests_are_listed_with_the_damaged_ones_as_errors(store, publish):
    """In the order of their paths, of all sources or of one."""
    publish()
    publish(url="http://h/b")
    publish(source="t")
    (store.root / FOLDER / "a.csv.manifest.json").write_bytes(b"{")
    kinds = [(path.partition("/")[0], type(manifest)) for path, manifest in store.manifests()]
    assert kinds == [("s", Manifest), ("s", DamagedManifestError), ("t", Manifest)]
    assert [path.partition("/")[0] for path, _ in store.manifests("t")] == ["t"]


def test_a_manifest_in_the_wrong_place_is_damaged(store, publish):
    """It names another folder than the one it lies in."""
    publish()
    other = store.root / "t" / "00" / ("0" * 64)
    other.mkdir(parents=True)
    (store.root / FOLDER / "a.csv.manifest.json").rename(other / "a.csv.manifest.json")
    [(_, found)] = store.manifests()
    assert isinstance(found, DamagedManifestError)


def test_a_store_can_be_moved(store, publish, tmp_path_factory):
    """Paths in manifests are relative to the root."""
    published = publish()
    moved = tmp_path_factory.mktemp("moved") / "store"
    (store.root / "s").rename(moved.parent / "s")
    assert ContentStore(moved.parent).read(published.manifest.path, published.manifest.digest) == b"content"


def test_nothing_to_make_durable_is_nothing_to_do(tmp_path):
    """Not even the folder has to be there."""
    ContentStore(tmp_path / "none").make_durable([])


def test_an_empty_store_is_empty(store):
    """No objects, no manifests."""
    assert (list(store.objects()), list(store.manifests())) == ([], [])
