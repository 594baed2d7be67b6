"""The files that all programs fetch: the same on every machine, created once and kept."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

KIB = 1024
MIB = 1024 * KIB
GIB = 1024 * MIB


@dataclass(frozen=True, slots=True)
class Shape:
    """Number and size of files; `name` is their folder on the server."""

    name: str
    count: int
    size: int


@dataclass(frozen=True, slots=True)
class FileSet:
    """Existing files, and their digests for verification."""

    shape: Shape
    digests: Mapping[str, str]
    """SHA-256 of each file name, 64 hexadecimal digits."""

    def urls(self, base: str) -> list[str]:
        """URLs of the files on a server at `base`, in order."""
        return [f"{base}/{self.shape.name}/{name}" for name in self.digests]


def made(folder: Path, shape: Shape) -> FileSet:
    """The files of a shape below `folder`; missing ones are created. All differ; none can be compressed."""
    told = folder / f"{shape.name}-{shape.count}x{shape.size}.json"
    if not told.is_file():
        files = folder / shape.name
        files.mkdir(parents=True, exist_ok=True)
        digests = {}
        for number in range(shape.count):
            name = f"{number:06}.bin"
            sha = hashlib.sha256()
            with (files / name).open("wb") as out:
                for piece in _pieces(f"{shape.name}/{name}", shape.size):
                    sha.update(piece)
                    out.write(piece)
            digests[name] = sha.hexdigest()
        # rclone and scrapy list the folder, so it must have no other files.
        for other in files.iterdir():
            if other.name not in digests:
                other.unlink()
        for other in folder.glob(f"{shape.name}-*.json"):
            other.unlink()
        told.write_text(json.dumps(digests))
    return FileSet(shape, json.loads(told.read_text()))


def _pieces(seed: str, size: int) -> Iterator[bytes]:
    """Pseudo-random bytes. For speed, each MiB of a large file is the first one with a different number in front."""
    first = hashlib.shake_128(seed.encode()).digest(min(size, MIB))
    for start in range(0, size, MIB):
        number = start // MIB
        piece = first if number == 0 else number.to_bytes(8, "big") + first[8:]
        yield piece[: size - start]
