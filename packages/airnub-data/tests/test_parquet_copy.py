import polars as pl

from airnub_data import Location, make_dataset
from airnub_data.parquet_copy import version_of_copy

HEADER = b"id,price,at\n"


def copy(location):
    return pl.read_parquet(location.root / "orders.parquet")


def test_the_copy_is_the_newest_version_without_internal_columns(fill, store, location, orders):
    """The copy has the declared types and no internal columns."""
    for price in (b"1", b"2"):
        fill({"a": HEADER + b"1," + price + b",2024-03-01T00:00:00Z\n"})
        make_dataset(orders, store, location)
        assert copy(location).columns == ["id", "price", "at"]
        assert int(copy(location)["price"].item()) == int(price)
    assert version_of_copy(location, "orders.parquet") == 1


def test_a_copy_that_a_killed_run_did_not_write_is_written_by_the_next(fill, store, location, orders):
    """The next run writes a missing copy even if the dataset is unchanged."""
    fill({"a": HEADER + b"1,1,\n"})
    make_dataset(orders, store, location)
    fill({"a": HEADER + b"1,2,\n"})
    make_dataset(orders, store, location, parquet_copy=False)
    assert int(copy(location)["price"].item()) == 1
    assert not make_dataset(orders, store, location).changed
    assert int(copy(location)["price"].item()) == 2


def test_a_commit_while_the_copy_is_written_is_in_the_copy_at_the_end(fill, store, location, orders):
    """The slower of two runs does not leave a copy of the older version."""
    fill({"a": HEADER + b"1,1,\n"})

    class Overtaken(Location):
        """Location in which a second run commits and writes its copy just before the first copy is published."""

        def place(self, file, path, *, keep=False):
            if path == "orders.parquet" and not location.has(path):
                fill({"a": HEADER + b"1,2,\n"})
                make_dataset(orders, store, location)
            super().place(file, path, keep=keep)

    make_dataset(orders, store, Overtaken(location.root))
    assert int(copy(location)["price"].item()) == 2
    assert version_of_copy(location, "orders.parquet") == 1


def test_without_a_copy_what_the_version_before_left_goes(fill, store, location, orders):
    """Without a copy, the file of the previous release is removed, since it would become stale."""
    location.root.mkdir()
    for name in ("orders.parquet", "orders.quarantine.csv"):
        pl.DataFrame({"id": [1]}).write_parquet(location.root / name)
    fill({"a": HEADER + b"1,1,\n"})
    make_dataset(orders, store, location, parquet_copy=False)
    assert not (location.root / "orders.parquet").exists()
    assert not (location.root / "orders.quarantine.csv").exists()
