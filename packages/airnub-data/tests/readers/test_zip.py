import io
import zipfile

import polars as pl
import pytest

from airnub_core.errors import DatasetError
from airnub_data.columns import RECORD, Column
from airnub_data.readers import Csv, Json, Zip
from airnub_data.readers.chunk import Chunk

SCHEMA = {"id": Column(pl.Int64)}
TWO = {"b.csv": b"id,x\n3,\nx,\n", "a.csv": b"id\n1\n2\n", "readme.txt": b"no table", "__MACOSX/a.csv": b"\0"}


def packed(members: dict[str, bytes]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return file.getvalue()


def chunks(content: bytes, reader: Zip | None = None) -> list[Chunk]:
    return list((reader or Zip(Csv())).read("orders", io.BytesIO(content), SCHEMA))


def test_members_are_read_in_the_order_of_their_names() -> None:
    """Record numbers of the second member are larger by a trillion; members with other suffixes are ignored."""
    found = chunks(packed(TWO))
    rows = [row for chunk in found for row in chunk.rows.select(RECORD, "id").iter_rows()]
    assert rows == [(2, "1"), (3, "2"), (1_000_000_000_002, "3"), (1_000_000_000_003, "x")]
    assert found[1].texts([1_000_000_000_003]) == ["x,"]
    assert [(one.column, one.record) for one in found[1].drift] == [("x", 1_000_000_000_001)]


def test_members_by_name() -> None:
    """Members are selected by a pattern; the error lists the existing ones."""
    [chunk] = chunks(packed(TWO), Zip(Csv(), members="b*"))
    assert chunk.rows[RECORD].to_list() == [2, 3]
    with pytest.raises(DatasetError, match=r"expected members named \*.json, found b.csv, a.csv, readme.txt"):
        chunks(packed(TWO), Zip(Json()))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"no archive", "expected a whole zip archive, found"),
        (packed(TWO)[:-30], "expected a whole zip archive, found"),
        (packed({"a.csv": b"key\n1\n"}), "a.csv: expected the columns id in the header, found key"),
        (packed({"a.csv": b"id\n" + b"1\n" * 2_000_000}), r"a.csv: expected at most 200 times .* \(max_ratio\)"),
    ],
)
def test_an_archive_that_cannot_be_read_fails_as_a_whole(content: bytes, message: str) -> None:
    """The error contains the member that cannot be read."""
    with pytest.raises(DatasetError, match=message):
        chunks(content)


def test_a_damaged_member_fails_the_archive() -> None:
    """A damaged member fails the archive, even if its beginning is readable."""
    content = bytearray(packed({"a.csv": b"id\n1\n2\n"}))
    at = content.index(b"a.csv") + len("a.csv") + 3
    content[at] ^= 0xFF
    with pytest.raises(DatasetError, match="expected a whole zip archive"):
        chunks(bytes(content))


def test_the_size_of_all_members_has_a_limit() -> None:
    """The unpacked size is measured, not taken from the archive's directory."""
    with pytest.raises(DatasetError, match="max_size"):
        chunks(packed(TWO), Zip(Csv(), max_size=10))
