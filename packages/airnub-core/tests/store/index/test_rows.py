"""Rows of the index."""

from airnub_core.store.index.rows import IndexRow, in_rounds, oldest_first


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


def test_no_url_is_twice_in_a_round(known):
    """The order of one URL's rows is kept; of two sources it is two URLs."""
    a1, a2, a3 = (known(digit=digit) for digit in "123")
    b, c = known("http://h/b"), known(source="t")
    assert in_rounds([a1, b, a2, c, a3]) == [[0, 1, 3], [2], [4]]
    assert in_rounds([]) == []
