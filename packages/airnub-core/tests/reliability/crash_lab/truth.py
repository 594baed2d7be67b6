"""The truth about a store, read without the product's code: folders, files, hashes, JSON."""

import json
from hashlib import sha256
from pathlib import Path

SUFFIX = ".manifest.json"


def objects(root: Path, *, forgiving=False):
    """SHA-256 of every visible object, by path below the store; the digest that its folder promises is compared."""
    found = {}
    for path in root.glob("[!.]*/??/*/*"):
        if not path.name.endswith(SUFFIX):
            relative = path.relative_to(root).as_posix()
            found[relative] = sha256(path.read_bytes()).hexdigest()
            assert forgiving or found[relative] == path.parent.name == path.parent.parent.name + path.parent.name[2:], (
                f"{relative}: expected bytes of the digest in its path, found {found[relative]}, "
                f"{path.stat().st_size} bytes"
            )
    return found


def manifests(root: Path, *, forgiving=False):
    """Every visible manifest, as parsed JSON."""
    read = []
    for path in root.glob(f"[!.]*/??/*/*{SUFFIX}"):
        try:
            read.append(json.loads(path.read_bytes()))
        except ValueError:
            assert forgiving, f"expected a manifest, found {path.read_bytes()[:100]} in {path}"
    return read


def whole(root: Path, truth, *, forgiving=False):
    """URLs whose bytes are in the store, whole, with a manifest that says so.

    Everything visible is checked on the way: objects lie under their digest, hold what the server had, each is in a
    folder of its own, and manifests tell the truth.

    Args:
        root: the store.
        truth: bytes by URL, all that the server ever had.
        forgiving: leave out what is damaged, and go on.
    """
    server_had = {url: sha256(body).hexdigest() for url, body in truth.items()}
    found = objects(root, forgiving=forgiving)
    invented = {path for path, digest in found.items() if digest not in server_had.values()}
    assert forgiving or not invented, f"expected only what the server had, found {invented}"
    folders = [path.rpartition("/")[0] for path in found]
    assert len(folders) == len(set(folders)), "equal bytes are one object"
    urls = set()
    for manifest in manifests(root, forgiving=forgiving):
        url, digest = manifest["url"], manifest["digest"].removeprefix("sha256:")
        if found.get(manifest["path"]) == digest == server_had[url] and manifest["size"] == len(truth[url]):
            urls.add(url)
        else:
            assert forgiving, f"expected the bytes of {url}: {manifest}"
    return urls


def hidden(root: Path):
    """Hidden files, by path below the store with their sizes; SQLite's and empty ones (locks) are left out."""
    return {
        path.relative_to(root).as_posix(): path.stat().st_size
        for folder in root.glob(".*")
        for path in (folder.rglob("*") if folder.is_dir() else [folder])
        if path.is_file() and ".sqlite" not in path.name and path.stat().st_size
    }
