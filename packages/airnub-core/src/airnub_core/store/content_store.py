"""The content store: every object once, under its digest, whole or not there.

    <root>/<source>/<hex[:2]>/<hex>/<file name>
                                    <file name>.manifest.json               the first URL that brought the bytes
                                    <file name>.<8 hex>.manifest.json       each further URL
    <root>/.airnub/                 staging and the index; no source is called so

Renaming one staged folder to its digest publishes object and manifest in one step.
"""

import errno
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from airnub_common import ALGORITHM, digest_of, hex_of, safe_file_name
from airnub_core.errors import DamagedManifestError, DamagedObjectError
from airnub_core.store.durability import make_durable
from airnub_core.store.manifest import SUFFIX, Manifest
from airnub_core.store.staging import StagedBody, Staging

HIDDEN = ".airnub"
_TAKEN = {errno.EEXIST, errno.ENOTEMPTY}


@dataclass(frozen=True, slots=True)
class Published:
    """An object in its place. `new` says whether its bytes were not in the store before."""

    manifest: Manifest
    manifest_path: str
    new: bool


class ContentStore:
    """A folder of objects and manifests; paths in and out of its methods are relative to `root`, with `/`."""

    def __init__(self, root: Path) -> None:
        self.root = root

    @property
    def hidden(self) -> Path:
        """Where what is not an object lies."""
        return self.root / HIDDEN

    def staging(self) -> Staging:
        """A place for bytes to arrive in; entered once by each process that writes."""
        return Staging(self.hidden / "staging")

    def publish(
        self, body: StagedBody, source: str, file_name: str, describe: Callable[[str, str, str], Manifest]
    ) -> Published:
        """Give a staged body its place, its manifest beside it.

        Args:
            body: the bytes, all written.
            source: the folder of the store that they belong to.
            file_name: any name; a safe one is made of it.
            describe: makes the manifest from the object's digest, path and file name. When the same bytes are there
                already, path and name are those of the existing object.

        Raises:
            OSError: the disk is full, or the store cannot be written.
        """
        name = _object_name(file_name)
        path, hex_digits = body.finish(name)
        digest = f"{ALGORITHM}:{hex_digits}"
        folder = self._folder(source, hex_digits)
        manifest = describe(digest, _join(source, hex_digits, name), name)
        (body.folder / (name + SUFFIX)).write_bytes(manifest.as_bytes())
        folder.parent.mkdir(parents=True, exist_ok=True)
        try:
            body.folder.rename(folder)
        except OSError as error:
            if error.errno not in _TAKEN:
                raise
        else:
            return Published(manifest, manifest.path + SUFFIX, new=True)
        existing = self._object_in(folder)
        if existing is None or digest_of(folder / existing) != digest:
            # Damaged, by a power loss or by hand: it is no object any more, and the whole one takes its place.
            existing = existing or name
            path.replace(folder / existing)
        try:
            return self._claim(folder, describe(digest, _join(source, hex_digits, existing), existing), body.folder)
        finally:
            body.discard()

    def make_durable(self, published: list[Published]) -> None:
        """Return when all these are on the disk.

        Raises:
            OSError: the disk did not take them.
        """
        if published:
            make_durable(self.root, {(self.root / one.manifest.path).parent for one in published})

    def read(self, path: str, digest: str) -> bytes:
        """The bytes of an object.

        Raises:
            DamagedObjectError: they are not those of the digest, or cannot be read.
        """
        try:
            content = (self.root / path).read_bytes()
        except OSError as error:
            raise DamagedObjectError(str(self.root / path), error.strerror or str(error)) from error
        if (found := digest_of(content)) != digest:
            raise DamagedObjectError(str(self.root / path), f"expected {digest}, found {found}")
        return content

    def has(self, path: str, size: int) -> bool:
        """Whether there is a file of this size in an object's place; its bytes are not looked at."""
        try:
            return (self.root / path).stat().st_size == size
        except OSError:
            return False

    def manifests(self, source: str | None = None) -> Iterator[tuple[str, Manifest | DamagedManifestError]]:
        """Every manifest's path with what is in it, in the order of their paths; damaged ones as errors."""
        pattern = f"{source or '[!.]*'}/??/*/*{SUFFIX}"
        for path in sorted(self.root.glob(pattern)):
            relative = path.relative_to(self.root).as_posix()
            try:
                manifest = Manifest.read(path)
                expected = _join(manifest.source, hex_of(manifest.digest), manifest.file_name)
                if manifest.path != expected or path.parent != self.root / Path(expected).parent:
                    raise DamagedManifestError(str(path), f"expected in the folder of {expected}, found here")  # noqa: TRY301  # one way out
            except DamagedManifestError as error:
                yield relative, error
            else:
                yield relative, manifest

    def objects(self) -> Iterator[str]:
        """Every object's path, in order; manifests are left out."""
        for path in sorted(self.root.glob("[!.]*/??/*/*")):
            if not path.name.endswith(SUFFIX) and not path.name.startswith(".") and path.is_file():
                yield path.relative_to(self.root).as_posix()

    def _folder(self, source: str, hex_digits: str) -> Path:
        return self.root / source / hex_digits[:2] / hex_digits

    def _claim(self, folder: Path, manifest: Manifest, staged: Path) -> Published:
        """Add a manifest, written in the folder `staged`, for a URL that brought bytes which are there already."""
        whole = staged / SUFFIX
        whole.write_bytes(manifest.as_bytes())
        for suffix in (SUFFIX, f".{manifest.url_digest[:8]}{SUFFIX}"):
            path = folder / (manifest.file_name + suffix)
            relative = path.relative_to(self.root).as_posix()
            try:
                known = Manifest.read(path)
            except DamagedManifestError:
                # Missing, or damaged and so of no use to anybody.
                whole.replace(path)
                return Published(manifest, relative, new=False)
            if known.url_digest == manifest.url_digest:
                return Published(known, relative, new=False)
        raise DamagedManifestError(str(path), "names another URL of the same first 8 digits; two URLs collide here")

    @staticmethod
    def _object_in(folder: Path) -> str | None:
        names = [
            path.name for path in folder.iterdir() if not path.name.endswith(SUFFIX) and not path.name.startswith(".")
        ]
        return min(names, default=None)


def _object_name(file_name: str) -> str:
    """A safe name that cannot be taken for a manifest's."""
    safe = safe_file_name(file_name)
    return safe[: -len(SUFFIX)] + ".manifest_json" if safe.endswith(SUFFIX) else safe


def _join(source: str, hex_digits: str, file_name: str) -> str:
    return f"{source}/{hex_digits[:2]}/{hex_digits}/{file_name}"
