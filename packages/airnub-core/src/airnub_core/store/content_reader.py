"""Reading the content store in a folder: objects, manifests and withdrawals that are there."""

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

from airnub_common import ALGORITHM, digest_of, hex_of
from airnub_core.errors import DamagedManifestError, DamagedObjectError
from airnub_core.store.layout import HIDDEN, SUFFIX, object_path
from airnub_core.store.manifest import Manifest
from airnub_core.store.withdrawal import FOLDER, Withdrawal

_PIECE = 1 << 20


class ContentReader:
    """A folder of objects and manifests; paths in and out of its methods are relative to `root`, with `/`."""

    def __init__(self, root: Path) -> None:
        self.root = root

    @property
    def name(self) -> str:
        """The folder's path."""
        return str(self.root)

    @property
    def hidden(self) -> Path:
        """Where what is not an object lies."""
        return self.root / HIDDEN

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

    def pieces(self, path: str, digest: str) -> Iterator[bytes]:
        """The bytes of an object, a piece at a time.

        Raises:
            DamagedObjectError: they are not those of the digest, or cannot be read.
        """
        hashed = hashlib.new(ALGORITHM)
        try:
            with (self.root / path).open("rb") as file:
                while piece := file.read(_PIECE):
                    hashed.update(piece)
                    yield piece
        except OSError as error:
            raise DamagedObjectError(str(self.root / path), error.strerror or str(error)) from error
        if (found := f"{ALGORITHM}:{hashed.hexdigest()}") != digest:
            raise DamagedObjectError(str(self.root / path), f"expected {digest}, found {found}")

    def has(self, path: str, size: int) -> bool:
        """Whether there is a file of this size in an object's place; its bytes are not looked at."""
        try:
            return os.stat(f"{self.root}/{path}").st_size == size  # noqa: PTH116  # for every file that is known
        except OSError:
            return False

    def manifests(self, source: str | None = None) -> Iterator[tuple[str, Manifest | DamagedManifestError]]:
        """Every manifest's path with what is in it, in the order of their paths; damaged ones as errors."""
        for path in sorted(self.root.glob(f"{source or '[!.]*'}/??/*/*{SUFFIX}")):
            relative = path.relative_to(self.root).as_posix()
            try:
                yield relative, self.manifest(relative)
            except DamagedManifestError as error:
                yield relative, error

    def manifest(self, path: str) -> Manifest:
        """The manifest at a path.

        Raises:
            DamagedManifestError: it cannot be read, or does not belong there.
        """
        manifest = Manifest.read(self.root / path)
        expected = object_path(manifest.source, hex_of(manifest.digest), manifest.file_name)
        if manifest.path != expected or path.rpartition("/")[0] != expected.rpartition("/")[0]:
            raise DamagedManifestError(str(self.root / path), f"expected in the folder of {expected}, found here")
        return manifest

    def objects(self) -> Iterator[str]:
        """Every object's path, in order; manifests are left out."""
        for path in sorted(self.root.glob("[!.]*/??/*/*")):
            if not path.name.endswith(SUFFIX) and not path.name.startswith(".") and path.is_file():
                yield path.relative_to(self.root).as_posix()

    def withdrawals(self) -> Iterator[Withdrawal | DamagedManifestError]:
        """What is withdrawn, in the order of the paths; damaged ones as errors."""
        for path in sorted(self.root.glob(f"{FOLDER}/*/[!.]*")):
            try:
                yield self._withdrawal(path)
            except DamagedManifestError as error:
                yield error

    def digest(self, path: str) -> tuple[str, int]:
        """Hash an object again: its digest, and its size in bytes.

        Raises:
            DamagedObjectError: it cannot be read.
        """
        try:
            return digest_of(self.root / path), (self.root / path).stat().st_size
        except OSError as error:
            raise DamagedObjectError(str(self.root / path), error.strerror or str(error)) from error

    @staticmethod
    def _withdrawal(path: Path) -> Withdrawal:
        return Withdrawal.parse(path.read_bytes(), str(path))
