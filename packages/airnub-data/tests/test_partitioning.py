from datetime import UTC, date, datetime

import polars as pl
import pytest

from airnub_data import Day, Hash, Month, Year


@pytest.mark.parametrize(
    ("partitioning", "names"),
    [
        (Day("at"), ["1969-12-31", "2024-03-01", None]),
        (Month("at"), ["1969-12", "2024-03", None]),
        (Year("at"), ["1969", "2024", None]),
    ],
)
@pytest.mark.parametrize("dtype", [pl.Datetime("us", "UTC"), pl.Datetime("ms", "UTC"), pl.Date])
def test_times_are_parted_in_utc(partitioning, names, dtype):
    """Times before 1970 are supported; nulls have a separate partition."""
    times = [datetime(1969, 12, 31, 23, 59, tzinfo=UTC), datetime(2024, 3, 1, tzinfo=UTC), None]
    if dtype == pl.Date:
        times = [time and date(time.year, time.month, time.day) for time in times]
    numbers = pl.DataFrame({"at": pl.Series(times, dtype=dtype)}).select(partitioning.number()).to_series()
    assert numbers.dtype == pl.Int32
    assert [partitioning.name(number) for number in numbers] == names


def test_a_time_of_another_zone_is_parted_by_what_it_is_in_utc():
    """Equal instants are in the same partition, whatever their time zone."""
    moment = pl.Series([datetime(2024, 1, 1, 4, tzinfo=UTC)]).dt.convert_time_zone("America/New_York")
    assert pl.DataFrame({"at": moment}).select(Day("at").number()).item() == (date(2024, 1, 1) - date(1970, 1, 1)).days


def test_a_hash_has_as_many_partitions_as_it_says():
    """Equal values have the same partition, and every number below `count` occurs."""
    partitioning = Hash("id", 16)
    numbers = pl.DataFrame({"id": [*range(200), *range(200)]}).select(partitioning.number()).to_series()
    assert set(numbers) == set(range(16))
    assert numbers[:200].to_list() == numbers[200:].to_list()
    assert [partitioning.name(number) for number in (0, 9, 15)] == ["00", "09", "15"]
