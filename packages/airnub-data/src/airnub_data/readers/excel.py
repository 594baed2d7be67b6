"""Excel: read a sheet as text, each cell as CSV would contain it; the whole sheet is in memory."""

import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import polars as pl

from airnub_core.errors import DatasetError
from airnub_data.columns import RECORD, Schema
from airnub_data.drift import Drift
from airnub_data.readers.chunk import Chunk, lacking
from airnub_data.readers.whole_file import DAMAGED, whole_file

if TYPE_CHECKING:
    from fastexcel import ExcelReader

_PIECE = 1 << 20
_MIDNIGHT = " 00:00:00"


@dataclass(frozen=True, slots=True)
class Excel:
    """Reader of sheets in Excel (`.xlsx`, `.xlsb`, `.xls`) and OpenDocument (`.ods`) files; needs `airnub-data[excel]`.

    Columns are matched by the names in the header. Dates are those that the sheet displays, in the 1900 and the 1904
    date system. Formulas have their last results; a cell with an error such as `#N/A` is null, and rows without any
    value are skipped. Numbers with more than 15 digits are rounded as Excel stored them.
    """

    sheet: str | int = 0
    """Name of the sheet, or its index from 0 on."""
    header_row: int = 1
    """Row number of the header, from 1 on."""
    max_size: int = 256 * 1024**2
    """Maximum size of the unpacked file in bytes; a sheet takes several times as much memory."""
    suffix: str = ".xlsx"

    def __post_init__(self) -> None:
        """Validate the options.

        Raises:
            ValueError: `header_row` is less than 1.
        """
        if self.header_row < 1:
            raise ValueError(f"expected a row from 1 on as header_row, found {self.header_row}")

    def read(self, dataset: str, stream: BinaryIO, schema: Schema) -> Iterator[Chunk]:
        """Yield the rows of one sheet as one chunk; `RECORD` is the row number of the sheet.

        Raises:
            DatasetError: the file cannot be read or is too large, or lacks the sheet or a column, or fastexcel is
                missing.
        """
        try:
            import fastexcel  # an optional dependency
        except ImportError as error:
            reason = "expected fastexcel for sheets, found it not installed; add airnub-data[excel] to the dependencies"
            raise DatasetError(dataset, reason) from error
        with whole_file(stream) as path:
            self._check_size(dataset, path)
            try:
                book = fastexcel.read_excel(path)
            except fastexcel.FastExcelError as error:
                raise DatasetError(dataset, f"expected an Excel file, found: {_first_line(error)}") from error
            names = book.sheet_names
            if self.sheet not in names and not (isinstance(self.sheet, int) and self.sheet < len(names)):
                raise DatasetError(dataset, f"expected the sheet {self.sheet!r}, found {', '.join(names)}")
            try:
                header, rows, first = self._rows(book)
            except (fastexcel.FastExcelError, pl.exceptions.PolarsError) as error:
                reason = f"expected a sheet with a header in row {self.header_row}, found: {_first_line(error)}"
                raise DatasetError(dataset, reason) from error
        yield self._chunk(dataset, header, rows, first, schema)

    def _check_size(self, dataset: str, path: Path) -> None:
        """Measure the unpacked size: the size that an archive declares may be wrong."""
        size = path.stat().st_size
        try:
            if zipfile.is_zipfile(path):
                size = 0
                with zipfile.ZipFile(path) as archive:
                    for info in archive.infolist():
                        with archive.open(info) as member:
                            while size <= self.max_size and (piece := member.read(_PIECE)):
                                size += len(piece)
        except DAMAGED as error:
            raise DatasetError(dataset, f"expected a whole Excel file, found: {error}") from error
        if size > self.max_size:
            reason = f"expected at most {self.max_size:,} bytes unpacked (max_size), found {size:,} or more"
            raise DatasetError(dataset, reason)

    def _rows(self, book: "ExcelReader") -> tuple[list[str], pl.DataFrame, int]:
        """Return the column names, the rows below the header, and the row number of the first of them."""
        if self.header_row > 1:
            # With header_row > 1, fastexcel's row numbers are those of the sheet.
            whole = book.load_sheet(self.sheet, header_row=self.header_row - 1, dtypes="string").to_polars()
            return _names(whole.columns), whole, self.header_row + 1
        # Without a header, fastexcel drops leading empty rows; a second read with the header in row 2 shows how many.
        whole = book.load_sheet(self.sheet, header_row=None, dtypes="string").to_polars()
        behind = book.load_sheet(self.sheet, header_row=1, dtypes="string").height if len(whole) > 1 else 0
        first = max(behind + 3 - len(whole), 1)
        header = ["" if name is None else name.strip() for name in (whole.row(0) if len(whole) else ())]
        return header, whole.slice(1), first + 1

    def _chunk(self, dataset: str, header: list[str], rows: pl.DataFrame, first: int, schema: Schema) -> Chunk:
        missing = [name for name in schema if name not in header]
        if missing:
            reason = lacking(missing, header, schema, f" in row {first - 1}")
            raise DatasetError(dataset, f"{reason}; declare its header_row where that is another one")
        twice = [name for name in schema if header.count(name) > 1]
        if twice:
            raise DatasetError(dataset, f"expected each column once in the header, found {', '.join(twice)} twice")
        rows = rows.with_columns(pl.int_range(first, first + len(rows), dtype=pl.Int64).alias(RECORD))
        cells = [name for name in rows.columns if name != RECORD]
        rows = rows.filter(~pl.all_horizontal(pl.col(cells).is_null()))
        wanted = [pl.col(cells[header.index(name)]).cast(pl.String).alias(name) for name in schema]
        typed = rows.select(RECORD, *wanted).with_columns(
            pl.col(name).str.strip_suffix(_MIDNIGHT) for name, column in schema.items() if column.dtype == pl.Date
        )

        def texts(records: Sequence[int]) -> list[str]:
            wanted = rows.filter(pl.col(RECORD).is_in(list(records))).drop(RECORD)
            # Cells are quoted as in CSV, so that line breaks stay within one row of the quarantine.
            return [wanted.slice(at, 1).write_csv(include_header=False).removesuffix("\n") for at in range(len(wanted))]

        new = dict.fromkeys(name for name in header if name and name not in schema)
        return Chunk(typed, texts, drift=[Drift("new", name, first - 1) for name in new])


def _names(columns: Sequence[str]) -> list[str]:
    return ["" if name.startswith("__UNNAMED__") else name.strip() for name in columns]


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]
