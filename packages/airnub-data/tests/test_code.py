import importlib
import sys
from dataclasses import replace

import polars as pl
import pytest

from airnub_data import Column, Csv, Dataset, JsonLines, Month
from airnub_data.code import LATEST, parts, source_of, stage_digest, table_digest

HELPER = "def half(rows):\n    return rows.with_columns(half=rows['id'] / 2)\n"
MAIN = """\
from {package}.helper import half

FACTOR = 2
NOTE = "for people"


def derive(rows):
    '''Typed rows in and out.'''
    return half(rows.head(FACTOR))


def other(rows):
    return rows
"""


@pytest.fixture
def source(tmp_path, monkeypatch):
    """Returns the source text of `derive` in a department's package, whose files are rewritten for each call."""
    monkeypatch.syspath_prepend(str(tmp_path))
    count = 0

    def text(main=MAIN, helper=HELPER):
        nonlocal count
        count += 1
        package = f"department_of_code_{count}"
        folder = tmp_path / package
        folder.mkdir()
        (folder / "__init__.py").touch()
        (folder / "helper.py").write_text(helper)
        (folder / "datasets.py").write_text(main.format(package=package))
        importlib.invalidate_caches()
        found = source_of(importlib.import_module(f"{package}.datasets").derive)
        for name in [name for name in sys.modules if name.partition(".")[0] == package]:
            del sys.modules[name]
        return found.replace(package, "department")

    return text


def test_what_a_function_reaches_counts(source):
    """The digest covers the function, the module values it names, and the modules of its package it imports."""
    before = source()
    assert source(MAIN.replace("FACTOR = 2", "FACTOR = 3")) != before
    assert source(MAIN.replace("rows.head", "rows.tail")) != before
    assert source(helper=HELPER.replace("/ 2", "/ 3")) != before


@pytest.mark.parametrize("relative", ["from .helper import half", "from . import helper\n\nhalf = helper.half"])
def test_a_module_that_is_imported_by_a_relative_name_counts(source, relative):
    """Modules that are imported by relative names are covered like those imported by absolute names."""
    main = MAIN.replace("from {package}.helper import half", relative)
    assert source(main) != source(main, HELPER.replace("/ 2", "/ 3"))


def test_what_it_does_not_reach_does_not_count(source):
    """Other functions and values of the module, comments and white space do not change the digest."""
    before = source()
    assert source() == before
    assert source(MAIN.replace("for people", "for others")) == before
    assert source(MAIN.replace("return rows\n", "return rows.tail()\n")) == before
    assert source(MAIN + "\n# a comment\n") == before


def dataset(**changes):
    declared = Dataset(
        name="orders", source="shop", reader=Csv(), key=("id",), partition_by=Month("at"),
        columns={"id": Column(pl.Int64), "at": Column(pl.Date), "price": Column(pl.Float64, minimum=0)},
    )  # fmt: skip
    return replace(declared, **changes)


@pytest.mark.parametrize(
    "changes",
    [
        {"reader": JsonLines()},
        {"reader": Csv(delimiter=";")},
        {"columns": {"id": Column(pl.Int64), "at": Column(pl.Date), "price": Column(pl.Float64, minimum=1)}},
        {"columns": {"id": Column(pl.Int64), "at": Column(pl.Date), "price": Column(pl.Float32, minimum=0)}},
        {"key": ()},
        {"partition_by": None},
        {"derive": lambda rows: rows},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_what_decides_about_rows_is_in_the_digest(changes):
    """Options that determine the rows change the digest, so that rows are made again."""
    assert stage_digest(parts(dataset(**changes))) != stage_digest(parts(dataset()))


@pytest.mark.parametrize(
    "changes",
    [
        {"columns": {"id": Column(pl.Int64, description="who"), "at": Column(pl.Date),
                     "price": Column(pl.Float64, minimum=0, unit="EUR")}},
        {"max_quarantined": "1%"},
        {"max_shrink": 5},
    ],
    ids=lambda changes: next(iter(changes)),
)  # fmt: skip
def test_descriptions_units_and_limits_make_nothing_again(changes):
    """Descriptions, units and limits do not change the digest."""
    assert table_digest(parts(dataset(**changes))) == table_digest(parts(dataset()))


def test_parts_have_names_that_people_know():
    """Parts have readable names, so that a user sees which one caused rows to be made again."""
    before, after = parts(dataset()), parts(dataset(key=(), latest="at"))
    assert [name for name in before if before[name] != after[name]] == ["key", LATEST]


def test_which_row_of_a_key_is_the_latest_leaves_staged_rows_alone():
    """A change of `latest` changes the table, but not the staged rows."""
    assert stage_digest(parts(dataset(latest="at"))) == stage_digest(parts(dataset()))
    assert table_digest(parts(dataset(latest="at"))) != table_digest(parts(dataset()))
