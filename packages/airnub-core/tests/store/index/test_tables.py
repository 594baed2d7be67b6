"""Rows of the tables of an index."""

from airnub_core.store.index.tables import IndexRow, oldest_first


def test_a_manifest_says_what_is_known(manifest):
    """Checked and changed when it was fetched; validators from its headers."""
    row = IndexRow.of(manifest("http://h/a", "1", 2), "s/m")
    assert (row.source, row.url, row.manifest, row.size) == ("s", "http://h/a", "s/m", 1)
    assert (row.etag, row.last_modified) == ('"e"', "then")
    assert row.checked_at == row.changed_at == "2026-01-02T00:00:00+00:00"


def test_versions_come_oldest_first(manifest):
    """Whatever the order of their paths."""
    rows = oldest_first({"a": manifest("http://h/a", "2", 2), "b": manifest("http://h/a", "1", 1)})
    assert [row.manifest for row in rows] == ["b", "a"]
