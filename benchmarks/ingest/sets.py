"""The files that everybody fetches: the same on every machine, made once and kept."""

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
    """How many files of how many bytes; `name` is the folder that the server shows them in."""

    name: str
    count: int
    size: int


@dataclass(frozen=True, slots=True)
class FileSet:
    """Files that exist, and what they must look like when they arrive."""

    shape: Shape
    digests: Mapping[str, str]
    """By file name, 64 hexadecimal digits of SHA-256."""

    def urls(self, base: str) -> list[str]:
        """Where a server at `base` has them, in their order."""
        return [f"{base}/{self.shape.name}/{name}" for name in self.digests]


def made(folder: Path, shape: Shape) -> FileSet:
    """The files of a shape below `folder`, made where they are missing. All differ; none can be compressed."""
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
        # rclone and scrapy look at the folder: it must hold these files alone.
        for other in files.iterdir():
            if other.name not in digests:
                other.unlink()
        for other in folder.glob(f"{shape.name}-*.json"):
            other.unlink()
        told.write_text(json.dumps(digests))
    return FileSet(shape, json.loads(told.read_text()))


def _pieces(seed: str, size: int) -> Iterator[bytes]:
    """Bytes that look random. Of a large file each MiB is the first one with another number in front: that is cheap."""
    first = hashlib.shake_128(seed.encode()).digest(min(size, MIB))
    for start in range(0, size, MIB):
        number = start // MIB
        piece = first if number == 0 else number.to_bytes(8, "big") + first[8:]
        yield piece[: size - start]
