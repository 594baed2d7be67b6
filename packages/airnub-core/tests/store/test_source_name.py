"""Source names."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airnub_common import safe_file_name
from airnub_core import ContentStore, FileSource, reindex, verify
from airnub_core.sample_site import Reply
from airnub_core.store.reading import read_current
from airnub_core.store.source_name import checked_source_name, found


@pytest.mark.parametrize("name", ["a", "A", "0", "_x", "noaa_daily.v2-a", "a" * 100, "con_1", "console", "a..b", "a."])
def test_names(name):
    """Letters, digits, `_`, `-` and `.`, as they may stand in settings."""
    assert checked_source_name(name) == name


@pytest.mark.parametrize(
    "name",
    [
        "",
        ".",
        "..",
        "../../out",
        "/abs",
        ".airnub",
        ".hidden",
        "-x",
        "a/b",
        "a\\b",
        "a b",
        "a\n",
        "x\ny",
        "x\0",
        "ä",
        "a" * 101,
        "c:a",
        "CON",
        "con",
        "nul.txt",
        "Com1",
        "lpt9.tar.gz",
        "aux.",
    ],
)
def test_names_that_are_refused(name):
    """What leads elsewhere, is hidden, breaks a line or is reserved by Windows."""
    with pytest.raises(ValueError, match="expected the name of a source"):
        checked_source_name(name)


@given(st.text())
def test_a_name_is_a_safe_file_name(name):
    """But for dots at its end, which a store may have already; whatever is accepted stays in its folder."""
    try:
        checked_source_name(name)
    except ValueError:
        return
    assert safe_file_name(name) == name.rstrip(".")


@given(st.text())
def test_a_refused_name_is_shown_on_one_short_line(name):
    """Control characters and letters that look like others are escaped."""
    assert found(name).isascii() or found(name).endswith("…")
    assert found(name).isprintable()
    assert len(found(name)) <= 61


def test_a_store_with_a_name_that_was_valid_before_is_read(tmp_path, site, run):
    """The rule is for what is written from now on: an older store is verified, reindexed and read as before."""
    site.routes["/a.csv"] = Reply(b"a")
    [stored] = run(FileSource(name="s", urls=[site.url("/a.csv")]))
    manifest = tmp_path / stored.manifest
    written = manifest.read_text().replace('"source": "s"', '"source": "con"').replace('"path": "s/', '"path": "con/')
    manifest.write_text(written)
    (tmp_path / "s").rename(tmp_path / "con")
    assert verify(ContentStore(tmp_path)).damaged == []
    assert reindex(tmp_path)
    assert list(read_current(tmp_path, "con", ".csv")) == [b"a"]
