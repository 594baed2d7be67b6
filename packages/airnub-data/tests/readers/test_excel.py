import io
from datetime import UTC, date, datetime

import openpyxl
import polars as pl
import pytest
from openpyxl.utils.datetime import CALENDAR_MAC_1904, CALENDAR_WINDOWS_1900

from airnub_core.errors import DatasetError
from airnub_data.columns import RECORD, Column
from airnub_data.conform import conform
from airnub_data.readers import Excel
from airnub_data.readers.chunk import Chunk

SCHEMA = {
    "id": Column(pl.Int64),
    "at": Column(pl.Datetime("us", "UTC"), nullable=True),
    "day": Column(pl.Date, nullable=True),
    "code": Column(pl.String, nullable=True),
}
HEADER = ["id", "at", "day", "code", "more"]
ROWS = [
    [1, datetime(2024, 3, 1, 12, 30, 15), date(2024, 3, 1), "0012", None],  # noqa: DTZ001  # as sheets have them
    [],
    ["x", None, date(1999, 12, 31), "#N/A", 0.5],
]


def sheet(*rows: list[object], epoch: datetime = CALENDAR_WINDOWS_1900) -> bytes:
    book = openpyxl.Workbook()
    book.epoch = epoch
    book.active.title = "orders"
    for row in rows:
        book.active.append(row)
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


def chunks(content: bytes, reader: Excel | None = None) -> list[Chunk]:
    return list((reader or Excel()).read("orders", io.BytesIO(content), SCHEMA))


@pytest.mark.parametrize("epoch", [CALENDAR_WINDOWS_1900, CALENDAR_MAC_1904], ids=["1900", "1904"])
@pytest.mark.parametrize("empty", [0, 1, 3])
def test_a_sheet_is_read_as_it_shows_itself(epoch: datetime, empty: int) -> None:
    """Rows have the numbers of the sheet, dates are equal in both date systems, and empty rows are skipped."""
    content = sheet(*[[]] * empty, HEADER, *ROWS, epoch=epoch)
    assert openpyxl.load_workbook(io.BytesIO(content)).active.cell(empty + 2, 2).value == ROWS[0][1]
    for reader in (Excel(), Excel("orders", header_row=empty + 1)):
        [chunk] = chunks(content, reader)
        found = conform(chunk.rows, SCHEMA)
        at = datetime(2024, 3, 1, 12, 30, 15, tzinfo=UTC)
        assert found.rows.select(RECORD, *SCHEMA).rows() == [(empty + 2, 1, at, date(2024, 3, 1), "0012")]
        assert found.quarantine.rows() == [(empty + 4, "id: expected a whole number (Int64), found x")]
        assert [(one.kind, one.column, one.record) for one in chunk.drift] == [("new", "more", empty + 1)]
        assert chunk.texts([empty + 4]) == ["x,,1999-12-31 00:00:00,,0.5"]


def test_rows_above_the_header() -> None:
    """The header is in the declared row; an error lists the cells of that row."""
    content = sheet(["Orders of March"], [], HEADER, *ROWS)
    [chunk] = chunks(content, Excel(header_row=3))
    assert chunk.rows[RECORD].to_list() == [4, 6]
    with pytest.raises(DatasetError, match="in row 1, found Orders of March; declare its header_row"):
        chunks(content)


@pytest.mark.parametrize(
    ("reader", "message"),
    [
        (Excel("prices"), "expected the sheet 'prices', found orders"),
        (Excel(7), "expected the sheet 7, found orders"),
        (Excel(max_size=1000), r"expected at most 1,000 bytes unpacked \(max_size\)"),
        (Excel(header_row=50), "in row 50, found no columns"),
    ],
)
def test_what_is_not_there_is_an_error(reader: Excel, message: str) -> None:
    """The error lists existing sheets or columns."""
    with pytest.raises(DatasetError, match=message):
        chunks(sheet(HEADER, *ROWS), reader)


@pytest.mark.parametrize("content", [b"", b"id,at\n", sheet(HEADER)[:-40], sheet(HEADER)[:500]])
def test_a_file_that_is_cut_off_fails_as_a_whole(content: bytes) -> None:
    """A truncated file fails as a whole; the error contains the cause."""
    with pytest.raises(DatasetError, match="Excel file, found"):
        chunks(content)
