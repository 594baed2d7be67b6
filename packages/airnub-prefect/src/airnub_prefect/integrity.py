"""Integrity check of all stores and datasets below a data root: objects are hashed, and dataset files must exist."""

import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from airnub_core import IngestError, verify
from airnub_core.store.layout import HIDDEN
from airnub_core.store.objects import ContentStore

_LOG = "_delta_log"
_CACHE = ".stage"


@dataclass(frozen=True, slots=True)
class VerifiedStore:
    """Result of a store."""

    path: str
    """Relative to the data root."""
    objects: int
    size: int
    """In bytes."""
    damaged: list[str]


@dataclass(frozen=True, slots=True)
class VerifiedTable:
    """Result of the table of a dataset or of its quarantine."""

    path: str
    """Relative to the data root."""
    version: int | None
    """`None` if the table cannot be opened."""
    rows: int
    damaged: list[str]


@dataclass(frozen=True, slots=True)
class Integrity:
    """Results of all stores and tables."""

    stores: list[VerifiedStore] = field(default_factory=list)
    tables: list[VerifiedTable] = field(default_factory=list)
    """Empty if the extra `datasets` is not installed."""

    @property
    def damaged(self) -> list[str]:
        """Damage in all stores and tables, as messages."""
        found = [one.damaged for one in self.stores] + [one.damaged for one in self.tables]
        return [text for damaged in found for text in damaged]

    def as_json(self) -> dict[str, Any]:
        """The result as JSON values."""
        return asdict(self)

    @classmethod
    def from_json(cls, document: dict[str, Any]) -> "Integrity":
        """The result from the JSON values of `as_json`."""
        return cls(
            [VerifiedStore(**one) for one in document["stores"]], [VerifiedTable(**one) for one in document["tables"]]
        )


def verify_data(root: Path) -> Integrity:
    """Hash every object of every store below a folder, and check size and existence of every file of every dataset.

    Raises:
        OSError: the folder cannot be read.
    """
    result = Integrity()
    for folder in _folders(root):
        place = folder.relative_to(root).as_posix()
        if (folder / HIDDEN).is_dir():
            found = verify(ContentStore(folder), keep_manifests=False)
            damaged = [f"{place}: {error}" for error in found.damaged]
            result.stores.append(VerifiedStore(place, found.objects, found.size, damaged))
        elif (folder / _LOG).is_dir() and find_spec("airnub_data") is not None:
            result.tables.append(_verified_table(folder, place))
    return result


def _verified_table(folder: Path, place: str) -> VerifiedTable:
    from airnub_data import Location
    from airnub_data.table import Table

    try:
        table = Table.open(Location(folder.parent), folder.name)
    except IngestError as error:
        return VerifiedTable(place, None, 0, [f"{place}: {error}"])
    if table is None:
        return VerifiedTable(place, None, 0, [f"{place}: expected a table, found only its log"])
    files = table.files().values()
    lost = [
        f"{place}/{one.path}: expected a file of {one.size} bytes, found none of that size"
        for one in files
        if not (folder / one.path).is_file() or (folder / one.path).stat().st_size != one.size
    ]
    return VerifiedTable(place, table.version, sum(one.rows for one in files), lost)


def _folders(root: Path) -> Iterator[Path]:
    """Folders that may be a store or a table; folders inside of a table are left out."""
    for parent, children, _ in os.walk(root):
        is_table = _LOG in children
        if not is_table:
            children[:] = sorted(child for child in children if child not in {HIDDEN, _CACHE})
        yield Path(parent)
        if is_table:
            children.clear()
