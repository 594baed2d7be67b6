"""Imports of names of airnub_core that changed."""

import pytest

from airnub_cli.template.core_names import rename_core_names


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("from airnub_core import Kind, Outcome\nx = Outcome('s', Kind.STORED)\n",
         "from airnub_core import Status, Outcome\nx = Outcome('s', Status.STORED)\n"),
        ("from airnub_core import Kind as K  # ours\nx = K.STORED\n",
         "from airnub_core import Status as K  # ours\nx = K.STORED\n"),
        ("from airnub_core import (\n    Kind,\n    Place,\n)\n\ndef f(x: Place) -> Kind: ...\n",
         "from airnub_core import (\n    Status,\n    StoreLocation,\n)\n\ndef f(x: StoreLocation) -> Status: ...\n"),
        ("from airnub_core.results import write_result\r\n", "from airnub_core.output_files import write_result\r\n"),
        ("from airnub_core.dataset_limits import DatasetLimits\n",
         "from airnub_core.contracts.limits import DatasetLimits\n"),
        ("from airnub_core.published import Published\nx = Published\ny = a.Published\n",
         "from airnub_core.contracts.contract import ContractSchema\nx = ContractSchema\ny = a.Published\n"),
        ("def f():\n    from airnub_core import Kind\n    return Kind\n",
         "def f():\n    from airnub_core import Status\n    return Status\n"),
    ],
)  # fmt: skip
def test_imports_are_rewritten(before, after):
    """With the uses of each name; rewriting twice changes nothing."""
    assert rename_core_names(before) == (after, [])
    assert rename_core_names(after) == (after, [])


@pytest.mark.parametrize(
    "text",
    [
        "from airnub_core import Report\n",
        "from .results import write_result\n",
        "Kind = 1\n",
        "<<<<<<< department\nfrom airnub_core import Kind\n",
    ],
)
def test_everything_else_stays(text):
    """Also a file that cannot be parsed."""
    assert rename_core_names(text) == (text, [])


@pytest.mark.parametrize(
    ("text", "line", "what"),
    [
        ("\nimport airnub_core.results\n", 2, "airnub_core.results is airnub_core.output_files now"),
        ("from airnub_core import results\n", 1, "airnub_core.results is airnub_core.output_files now"),
        ("from airnub_core import Kind\nStatus = 1\nx = Kind\n", 1, "airnub_core calls it Status now"),
    ],
)
def test_what_is_left_for_a_person(text, line, what):
    """Names reached through a module, and a name that the file has for something else."""
    new, [(at, advice)] = rename_core_names(text)
    assert (new, at) == (text, line)
    assert what in advice
