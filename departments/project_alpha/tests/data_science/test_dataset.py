"""The dataset."""

from datetime import date

import polars as pl
import pytest

from project_alpha.data_science.dataset import COLUMNS, DatasetError, load_days


@pytest.fixture
def load(tmp_path):
    """Write a table as Parquet and load it."""

    def written_and_loaded(table):
        path = tmp_path / "days.parquet"
        table.write_parquet(path)
        return load_days(path)

    return written_and_loaded


def test_days_are_loaded_sorted_and_whole(days, load):
    """Whatever the order of the rows and columns, days come by place and date in the known columns."""
    loaded = load(days.reverse().select(pl.lit(1).alias("extra"), *reversed(days.columns)))
    assert loaded.equals(days.sort("location", "date"))
    assert loaded.schema == pl.Schema(COLUMNS)


def test_nan_is_a_missing_value(days, load):
    """NaN, which would spread through sums, becomes null."""
    loaded = load(days.head(1).with_columns(wind=float("nan")))
    assert loaded["wind"].to_list() == [None]


def test_absent_file_says_where_and_how_to_make_it(tmp_path):
    """The message names the expected path and the commands that make the file."""
    path = tmp_path / "nowhere" / "days.parquet"
    with pytest.raises(DatasetError) as caught:
        load_days(path)
    for part in (str(path), "uv run project-alpha demo", "run processing", "--datasets"):
        assert part in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"no Parquet", b"PAR1" * 4])
def test_file_that_is_not_parquet_is_named(tmp_path, content):
    """Empty, foreign and broken files are one clear error."""
    path = tmp_path / "days.parquet"
    path.write_bytes(content)
    with pytest.raises(DatasetError, match=r"Parquet file in .*days\.parquet, found one that cannot be read"):
        load_days(path)


def test_all_wrong_columns_are_named_at_once(days, load):
    """Missing columns and wrong types are in one message."""
    with pytest.raises(DatasetError) as caught:
        load(days.drop("wind", "temp_min").with_columns(pl.col("date").cast(pl.String)))
    assert "missing columns: temp_min, wind" in str(caught.value)
    assert "column date: expected Date, found String" in str(caught.value)


def test_all_wrong_rows_are_counted_at_once(days, load):
    """Repeated days, nameless rows and negative rain are in one message."""
    first = days.head(1)
    wrong = pl.concat(
        [
            first,
            first,
            first.with_columns(date=pl.lit(None, pl.Date)),
            first.with_columns(date=date(2011, 1, 1), precipitation=-9999.0),
        ]
    )
    with pytest.raises(DatasetError) as caught:
        load(wrong)
    for part in ("1 rows without a location or a date", "found 1 repeated", "1 rows with precipitation below 0 mm"):
        assert part in str(caught.value)


def test_table_without_rows_is_an_error(days, load):
    """No days are no dataset."""
    with pytest.raises(DatasetError, match="expected daily rows, found none"):
        load(days.clear())
