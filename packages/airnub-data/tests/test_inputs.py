"""Inputs of a dataset: its current objects and their order."""

from airnub_core.store.factory import open_store
from airnub_core.store.withdrawal import Withdrawal, withdraw
from airnub_data.inputs import current_objects


def found(store, *sources, suffix=".csv"):
    """Return the contents of the objects, in their order."""
    with open_store(store) as (objects, index):
        return [
            objects.read(one.path, one.digest).decode()
            for one in current_objects(objects, index, sources or ("shop",), suffix)
        ]


def test_objects_are_in_the_order_in_which_they_became_current(fill, store):
    """Each object occurs once, at the time when its last URL received it, whatever the order of the URLs."""
    fill({"z": b"1", "b": b"2", "a": b"3"})
    assert found(store) == ["1", "2", "3"]
    fill({"c": b"1"})
    assert found(store) == ["2", "3", "1"]
    fill({"b": b"4"})
    assert found(store) == ["3", "1", "4"]


def test_a_withdrawn_url_gives_no_object(fill, store):
    """A withdrawn URL contributes no object, unless a different URL has the same bytes."""
    fill({"a": b"1", "b": b"2", "c": b"1"})
    with open_store(store) as (objects, index):
        at = "2999-01-01T00:00:00+00:00"
        gone = [one for one in index.current("shop") if one.url.endswith(("/b", "/c"))]
        withdraw(objects, index, [Withdrawal("shop", one.url_digest, one.url, at, "test") for one in gone])
    assert found(store) == ["1"]


def test_only_files_of_the_suffix_count(fill, store):
    """Names may end with the suffix, or with the suffix and `.gz`."""
    fill({"a": b"1"}, name="orders.csv")
    fill({"b": b"2"}, name="orders.csv.gz")
    fill({"c": b"3"}, name="orders.json")
    assert found(store) == ["1", "2"]
    assert found(store, suffix="") == ["1", "2", "3"]


def test_several_sources_are_read_in_one_order(fill, store):
    """An object of two sources is listed with the source that received it last."""
    fill({"a": b"1"}, source="shop")
    fill({"b": b"2"}, source="stall")
    fill({"c": b"3"}, source="shop")
    assert found(store, "shop", "stall") == ["1", "2", "3"]
    fill({"d": b"1"}, source="stall")
    with open_store(store) as (objects, index):
        last = current_objects(objects, index, ("shop", "stall"), ".csv")[-1]
    assert (last.source, objects.read(last.path, last.digest)) == ("stall", b"1")
