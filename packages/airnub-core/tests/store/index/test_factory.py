"""Opening an index of either kind."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from airnub_core.errors import StoreError
from airnub_core.store.index import open_index
from airnub_core.store.manifest import url_digest


def test_it_is_built_once(place, manifest):
    """From the manifests, where it is not yet; afterwards only when it is asked for."""
    index = open_index(place, lambda: {"m": manifest("http://h/a", "1", 1)})
    assert index.find(url_digest("http://h/a"))
    index.close()
    index = open_index(place, lambda: pytest.fail("it is built"))
    assert index.sources() == ["s"]
    index.close()
    index = open_index(place, dict, anew=True)
    assert index.sources() == []
    index.close()


def test_one_builds_and_the_others_wait(place, manifest):
    """Several processes may start on a new store at once."""
    built = []

    def sound():
        built.append(1)
        return {"m": manifest("http://h/a", "1", 1)}

    def start(_):
        index = open_index(place, sound)
        sources = index.sources()
        index.close()
        return sources

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(start, range(4))) == [["s"]] * 4
    assert built == [1]


def test_a_building_that_fails_leaves_it_unbuilt(place):
    """The next one tries again."""

    def fail():
        raise StoreError("there", "no")

    with pytest.raises(StoreError, match="no"):
        open_index(place, fail)
    index = open_index(place, dict)
    assert index.is_built
    index.close()


@pytest.mark.parametrize("url", ["mysql://me:s3cret@h/db", "me:s3cret@h", "postgresql:/me:s3cret"])
def test_another_kind_of_url_is_told(url):
    """Without its password."""
    with pytest.raises(StoreError, match="postgresql://") as error:
        open_index(url, dict)
    assert "s3cret" not in str(error.value)


def test_a_missing_psycopg_is_told():
    """With what to install; SQLite needs none."""
    code = """
import sys
sys.modules["psycopg"] = None
from airnub_core.errors import StoreError
from airnub_core.store.index import open_index
try:
    open_index("postgresql://me:s3cret@h/db", dict)
except StoreError as error:
    print(error)
"""
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert "install airnub-core[postgres]" in said
    assert "s3cret" not in said
