"""Origin: what a department records."""

import pytest

from airnub_cli.template.origin import TemplateOrigin, origin_path, read_origin
from airnub_cli.workspace import WorkspaceError

TREE = "a" * 40


@pytest.mark.parametrize(
    "origin",
    [
        TemplateOrigin(tree=TREE),
        TemplateOrigin(tree="b" * 64, display_name='Käse & "x"', left_out=("analysis", "processing")),
    ],
)
def test_what_is_written_is_read(tmp_path, origin):
    """Whatever the names are."""
    path = tmp_path / origin_path("orders")
    path.parent.mkdir(parents=True)
    path.write_text(origin.text(), encoding="utf-8")
    assert read_origin(tmp_path, "orders") == origin


def test_a_department_that_records_nothing(tmp_path):
    """Such as one that was copied by hand."""
    assert read_origin(tmp_path, "orders") is None


@pytest.mark.parametrize("text", ["tree = ", "tree = 'x'", f"tree = '{TREE}'\nmore = 1", ""])
def test_a_record_that_cannot_be_understood(tmp_path, text):
    """Told with its file."""
    path = tmp_path / origin_path("orders")
    path.parent.mkdir(parents=True)
    path.write_text(text)
    with pytest.raises(WorkspaceError, match=r"orders/template\.toml: expected what `airnub new department` writes"):
        read_origin(tmp_path, "orders")
