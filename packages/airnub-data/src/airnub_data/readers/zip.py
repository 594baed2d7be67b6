"""Zip: read the members of an archive one by one, each with the reader of its format."""

import fnmatch
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import BinaryIO, cast

import polars as pl

from airnub_core.errors import DatasetError
from airnub_data.columns import RECORD, Schema
from airnub_data.drift import Drift
from airnub_data.readers.chunk import Chunk
from airnub_data.readers.csv import Csv
from airnub_data.readers.json import Json
from airnub_data.readers.json_lines import JsonLines
from airnub_data.readers.whole_file import DAMAGED, whole_file

MEMBER = 10**12
"""Offset of `RECORD` between members: line 7 of the third member has the number 2,000,000,000,007."""
_SMALL = 1 << 20
"""Unpacked size in bytes up to which the compression ratio of a member is not limited."""


@dataclass(frozen=True, slots=True)
class Zip:
    """Reader of zip archives, whose members are parsed by a different reader.

    Members are read in the order of their names. `RECORD` is the record number in the first member, and larger by
    1,000,000,000,000 for each further one. An archive that is damaged, truncated, encrypted or too large fails as a
    whole.
    """

    reader: Csv | JsonLines | Json
    members: str = ""
    """Pattern of member names such as `2024/*.csv`; empty: names that end with the suffix of `reader`."""
    max_ratio: float = 200
    """Maximum ratio of unpacked to compressed size of a member. Only repetitive content exceeds 1,000."""
    max_size: int = 16 * 1024**3
    """Maximum size in bytes of all members together, unpacked."""
    suffix: str = ".zip"

    def read(self, dataset: str, stream: BinaryIO, schema: Schema) -> Iterator[Chunk]:
        """Yield the rows of all matching members.

        Raises:
            DatasetError: the archive or a member cannot be read, no name matches, or a limit is exceeded.
        """
        with whole_file(stream) as path:
            member = ""
            try:
                with zipfile.ZipFile(path) as archive:
                    size = 0
                    for number, info in enumerate(self._chosen(dataset, archive)):
                        member = info.filename
                        with archive.open(info) as packed:
                            unpacked = _Limited(
                                dataset, cast("BinaryIO", packed), info, self.max_ratio, self.max_size - size
                            )
                            for chunk in self.reader.read(dataset, cast("BinaryIO", unpacked), schema):
                                yield _shifted(chunk, number * MEMBER)
                            while unpacked.read(_SMALL):
                                pass  # the checksum is verified only at the end of a member
                            size += unpacked.size
            except DatasetError as error:
                raise DatasetError(error.dataset, f"{member}: {error.reason}" if member else error.reason) from error
            except DAMAGED as error:
                where = f" in {member}" if member else ""
                raise DatasetError(dataset, f"expected a whole zip archive, found{where}: {error}") from error

    def _chosen(self, dataset: str, archive: zipfile.ZipFile) -> list[zipfile.ZipInfo]:
        pattern = self.members or f"*{self.reader.suffix}"
        files = [info for info in archive.infolist() if not info.is_dir() and not info.filename.startswith("__MACOSX/")]
        chosen = [info for info in files if fnmatch.fnmatchcase(info.filename, pattern)]
        if not chosen:
            found = ", ".join(info.filename for info in files[:10]) or "no files"
            raise DatasetError(dataset, f"expected members named {pattern}, found {found}")
        return sorted(chosen, key=lambda info: info.filename)


class _Limited:
    """A member with limits on its unpacked size."""

    def __init__(self, dataset: str, stream: BinaryIO, info: zipfile.ZipInfo, ratio: float, left: int) -> None:
        self._dataset = dataset
        self._stream = stream
        self._packed = info.compress_size
        self._ratio = ratio
        self._left = left
        self.size = 0

    def read(self, size: int = -1) -> bytes:
        content = self._stream.read(_SMALL if size < 0 else size)
        self.size += len(content)
        if self.size > self._left:
            raise DatasetError(self._dataset, f"expected at most {self._left:,} bytes unpacked (max_size), found more")
        if self.size > max(_SMALL, self._ratio * self._packed):
            raise DatasetError(
                self._dataset,
                f"expected at most {self._ratio:g} times its {self._packed:,} bytes in the archive (max_ratio), found "
                "more",
            )
        return content


def _shifted(chunk: Chunk, by: int) -> Chunk:
    if not by:
        return chunk

    def texts(records: Sequence[int]) -> list[str]:
        return chunk.texts([record - by for record in records])

    return replace(
        chunk,
        rows=chunk.rows.with_columns((pl.col(RECORD) + by).alias(RECORD)),
        texts=texts,
        refused=[(record + by, reason) for record, reason in chunk.refused],
        drift=[Drift(one.kind, one.column, one.record + by, one.detail) for one in chunk.drift],
    )
