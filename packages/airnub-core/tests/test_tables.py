"""Names of `airnub_core.tables` of the version before."""

import pytest

from airnub_core import tables


def test_names_are_found_where_they_moved_to():
    """With a warning that says where to import them from, shown for the line that asks."""
    airnub_data = pytest.importorskip("airnub_data", reason="the names are found there")
    with pytest.warns(DeprecationWarning, match="import it from airnub_data") as warned:
        assert tables.Column is airnub_data.Column
    assert warned[0].filename == __file__
