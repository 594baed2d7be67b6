"""Imports of moved modules and renamed names, and of names that moved to airnub_data."""

import pytest

from airnub_cli.template.moved_names import declare_data, imports_old_names, move_names, rename_names


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("from airnub_core import Kind, Outcome\nx = Outcome('s', Kind.STORED)\n",
         "from airnub_core import Status, Outcome\nx = Outcome('s', Status.STORED)\n"),
        ("from airnub_core import Kind as K  # ours\nx = K.STORED\n",
         "from airnub_core import Status as K  # ours\nx = K.STORED\n"),
        ("from airnub_core import (\n    Kind,\n    Place,\n)\n\ndef f(x: Place) -> Kind: ...\n",
         "from airnub_core import (\n    Status,\n    StoreLocation,\n)\n\ndef f(x: StoreLocation) -> Status: ...\n"),
        ("from airnub_core.results import write_result\r\n", "from airnub_core.outcome import write_result\r\n"),
        ("from airnub_core.dataset_limits import DatasetLimits\n",
         "from airnub_core.contracts.limits import DatasetLimits\n"),
        ("from airnub_core.published import Published\nx = Published\ny = a.Published\n",
         "from airnub_core.contracts.contract import ContractSchema\nx = ContractSchema\ny = a.Published\n"),
        ("from airnub_prefect.conclusion import conclude\nfrom airnub_prefect.places import shown\nx = conclude()\n",
         "from airnub_prefect.finish_stage import finish_stage\nfrom airnub_prefect.paths import shown\n"
         "x = finish_stage()\n"),
        ("from airnub_prefect.settings import DatasetsPart, SourcesPart\ndef f(part: SourcesPart[int]) -> None: ...\n",
         "from airnub_prefect.settings import DatasetsConfig, CategoryConfig\n"
         "def f(part: CategoryConfig[int]) -> None: ...\n"),
        ("def f():\n    from airnub_core import Kind\n    return Kind\n",
         "def f():\n    from airnub_core import Status\n    return Status\n"),
    ],
)  # fmt: skip
def test_imports_are_rewritten(before, after):
    """With the uses of each name; the second time nothing changes."""
    assert rename_names(before) == (after, [])
    assert rename_names(after) == (after, [])


@pytest.mark.parametrize(
    "text",
    [
        "from airnub_core import Report\n",
        "from .results import write_result\n",
        "Kind = 1\n",
        "<<<<<<< department\nfrom airnub_core import Kind\n",
    ],
)
def test_everything_else_is_unchanged(text):
    """Also a file that cannot be parsed."""
    assert rename_names(text) == (text, [])


@pytest.mark.parametrize(
    ("text", "line", "what"),
    [
        ("\nimport airnub_core.results\n", 2, "airnub_core.results is now airnub_core.outcome"),
        ("from airnub_core import results\n", 1, "airnub_core.results is now airnub_core.outcome"),
        ("from airnub_core import Kind\nStatus = 1\nx = Kind\n", 1, "an imported name is now called Status"),
    ],
)
def test_imports_that_need_manual_changes(text, line, what):
    """Names used through a module, and a name that the file uses already."""
    new, [(at, advice)] = rename_names(text)
    assert (new, at) == (text, line)
    assert what in advice


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("from airnub_core.tables import Column\n", "from airnub_data import Column\n"),
        ("from airnub_core.tables import Column as C, Schema\n",
         "from airnub_data import Column as C\nfrom airnub_data.columns import Schema\n"),
        ("from airnub_core.datasets import Dataset\nfrom airnub_core.tables import (\n    Column,\n    read_csv,\n)\n"
         "x = 1\n",
         "from airnub_core.tables import read_csv\nfrom airnub_data import Column, Dataset\nx = 1\n"),
        ("def f():\n    from airnub_core.tables import Column  # late\n    return Column\n",
         "def f():\n    from airnub_data import Column  # late\n    return Column\n"),
        ("from airnub_core.datasets import Dataset  # one\nimport os\nfrom airnub_core.tables import Column  # two",
         "import os\nfrom airnub_data import Column, Dataset  # one  # two\n"),
        ("from airnub_core.tables import Column\r\nx = 'ü'\r\n", "from airnub_data import Column\r\nx = 'ü'\r\n"),
        ("from airnub_core.datasets import Dataset\nx = Dataset\nfrom airnub_core.tables import Column\n",
         "from airnub_data import Dataset\nx = Dataset\nfrom airnub_data import Column\n"),
        ("try:\n    from airnub_core.tables import Column\nexcept ImportError:\n    Column = None\n",
         "try:\n    from airnub_data import Column\nexcept ImportError:\n    Column = None\n"),
    ],
)  # fmt: skip
def test_imports_of_airnub_data_are_rewritten(before, after):
    """Names, aliases, comments, indentation and line endings are kept; the second time nothing changes."""
    moved = move_names(before)
    assert moved.text == after
    assert move_names(after).text == after
    assert imports_old_names(before)


@pytest.mark.parametrize(
    "text",
    [
        "from airnub_core import Report\n",
        "from airnub_data import Column\n",
        "x = 'from airnub_core.tables import Column'\n",
        "from .tables import Column\n",
        "<<<<<<< department\nfrom airnub_core.tables import Column\n",
    ],
)
def test_other_imports_are_unchanged(text):
    """Also a file that cannot be parsed, for example with conflict markers."""
    assert (move_names(text).text, move_names(text).left, imports_old_names(text)) == (text, [], False)


@pytest.mark.parametrize(
    ("text", "line", "what"),
    [
        ("from airnub_core.tables import (\n    Column,\n    read_csv,\n)\n", 1,
         "read_csv of airnub_core.tables has no successor in airnub_data: set `reader=Csv()` in the Dataset"),
        ("\nfrom airnub_core.datasets import NAMED_VIOLATIONS\n", 2,
         "NAMED_VIOLATIONS of airnub_core.datasets has no successor in airnub_data: copy what you need"),
        ("import airnub_core.tables\n", 1, "uses through the module are not rewritten"),
        ("from airnub_core import tables\n", 1, "uses through the module are not rewritten"),
        ("x = 1; from airnub_core.tables import Column\n", 1, "import it from there"),
        ("from airnub_core.datasets import Dataset\n\nX = Dataset('x', '.csv', read)\n", 3,
         "Dataset of airnub_data takes name=, source=, reader=, columns= and key=, found arguments without names"),
        ("from airnub_core.datasets import Dataset as D\n\nX = D(name='x', suffix='.csv', schema={})\n", 3,
         "found schema, suffix; change the declaration"),
        ("from airnub_core.datasets import make_dataset\n\nmake_dataset(a, b, c)\n", 3, "takes a Location"),
        ("from airnub_core.datasets import make_dataset as m\n\nto_thread(m, a)\n", 3, "takes a Location"),
        ("from airnub_core.datasets import Dataset\n\nX = Dataset('x', unique=('y',))\n", 3,
         "found arguments without names, unique; change the declaration"),
    ],
)  # fmt: skip
def test_manual_changes_have_their_lines(text, line, what):
    """Lines of the rewritten text."""
    [(found, message)] = move_names(text).left
    assert found == line
    assert what in message


def test_a_declaration_that_was_changed_is_not_reported():
    """Nor is a call that was adapted."""
    text = "from airnub_data import Dataset, make_dataset\nX = Dataset(name='x', source='y', reader=r, columns=c)\n"
    assert move_names(f"{text}make_dataset(X, store, location)\n").left == []


def test_the_dependency_is_declared():
    """It replaces the extra, with its source; airnub-core itself is kept, or added if there was only the extra."""
    sources = "]\n[tool.uv.sources]\nairnub-core = { workspace = true }\n"
    both = f"{sources}airnub-data = {{ workspace = true }}\n"
    extra = f'dependencies = [\n    "airnub-core[tables]",  # processing\n{sources}'
    assert declare_data(extra) == f'dependencies = [\n    "airnub-core",\n    "airnub-data",  # processing\n{both}'
    beside = extra.replace("[\n", '[\n    "airnub-core",\n', 1)
    assert declare_data(beside) == declare_data(extra)
    assert declare_data(declare_data(extra)) == declare_data(extra)
    assert declare_data('dependencies = ["airnub-core[buckets,tables]"]\n') is None


def test_a_name_that_moved_alone_is_a_manual_change():
    """With the module that has it."""
    text = "import os\nfrom airnub_core.errors import StoreError, is_retryable\n"
    assert rename_names(text) == (text, [(2, "is_retryable is in airnub_core.http.retry now; import it from there")])
