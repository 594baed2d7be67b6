"""The `dataset` commands."""

import json
import os
import sys

import pytest

pytest.importorskip("airnub_data", reason="the extra `datasets` is not installed")

from click.testing import CliRunner
from department_for_tests.department import DEPARTMENT as WITHOUT
from department_of_data.datasets import ORDERS
from department_of_data.department import DEPARTMENT

from airnub_data import Location, make_dataset, scan_dataset
from airnub_prefect.command.main import group

HEADER = b"id,price\n"


@pytest.fixture
def invoke(tmp_path, monkeypatch):
    """Run a command on the datasets of a temporary folder; status, stdout and stderr."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "datasets").mkdir()
    where = ("--datasets", tmp_path / "datasets", "--store", tmp_path / "store")

    def invoke(*words, where=where, department=DEPARTMENT):
        answer = CliRunner().invoke(group(department), list(map(str, ("dataset", *words, *where))))
        return answer.exit_code, answer.stdout, answer.stderr

    return invoke


@pytest.fixture
def made(fill_store, tmp_path):
    """Bring URLs to these bytes, and the dataset with them."""

    def make(accept=False, **contents):
        fill_store(tmp_path / "store", {url: HEADER + rows for url, rows in contents.items()})
        return make_dataset(ORDERS, tmp_path / "store", Location(tmp_path / "datasets"), accept=accept)

    return make


def prices(folder):
    return scan_dataset(Location(folder / "datasets"), ORDERS).sort("id").collect()["price"].to_list()


def test_ls(invoke, made):
    """The list has one line per dataset, including datasets not made yet."""
    status, out, err = invoke("ls")
    assert (status, err) == (0, "")
    assert out.splitlines()[-1].split() == ["orders", "not", "made", "yet"]
    made(a=b"1,2\n2,3\n")
    assert invoke("ls")[1].splitlines()[-1].split()[:4] == ["orders", "0", "2", "0"]
    [row] = json.loads(invoke("ls", "--json")[1])
    assert (row["dataset"], row["version"], row["rows"], row["held"]) == ("orders", 0, 2, False)


def test_a_folder_that_does_not_exist(invoke, tmp_path):
    """A wrong path is an error, and not a department without versions."""
    status, out, err = invoke("ls", where=("--datasets", tmp_path / "elsewhere"))
    assert (status, out) == (2, "")
    assert "--datasets: expected a folder of datasets, found none at" in err


def test_an_unknown_dataset(invoke, made):
    """It is an error in the command, and not in the configuration."""
    made(a=b"1,2\n")
    status, out, err = invoke("quarantine", "order")
    assert (status, out) == (2, "")
    assert err == "NAME: expected a dataset of the department, found 'order'; did you mean 'orders'?\n"


def test_show(invoke, made, fill_store, tmp_path):
    """The output has the declaration, the version, and what the next run would do."""
    assert "next run      fails: expected a content store in " in invoke("show", "orders")[1]
    made(a=b"1,2\n2,3\n")
    status, out, _ = invoke("show", "orders")
    assert status == 0
    assert "table         datasets/orders" in out
    assert "2 rows of 1 objects, 0 superseded, 0 quarantined" in out
    assert "next run      nothing: up to date with its 1 objects" in out
    assert [line.split() for line in out.splitlines()][-1] == ["price", "float64", "no", "EUR"]
    fill_store(tmp_path / "store", {"b": HEADER + b"3,1\n"})
    document = json.loads(invoke("show", "orders", "--json")[1])
    assert document["next_run"] == "1 new objects; 1 of 2 objects are read"
    assert document["columns"]["id"] == {"type": "int64", "nullable": False, "unit": None}
    without = invoke("show", "orders", where=("--datasets", tmp_path / "datasets"))[1]
    assert "next run      not known: name the store with --store FOLDER" in without


def test_show_as_of(invoke, made):
    """A version is selected by number or time; an invalid text is a usage error, and an expired version an error."""
    made(a=b"1,2\n")
    made(b=b"2,3\n")
    assert "version       0," in invoke("show", "orders", "--as-of", "0")[1]
    assert "version       1," in invoke("show", "orders", "--as-of", "2999-01-01T00:00:00")[1]
    status, _, err = invoke("show", "orders", "--as-of", "yesterday")
    assert (status, "expected a version such as 3, or a time such as" in err) == (2, True)
    status, _, err = invoke("show", "orders", "--as-of", "7")
    assert (status, "expected a version that is kept, found none for 7" in err) == (1, True)


def test_history(invoke, made):
    """Versions are listed newest first, with row counts."""
    made(a=b"1,2\n")
    made(b=b"1,3\nx,1\n", accept=True)
    lines = invoke("history", "orders")[1].splitlines()
    assert [line.split()[0] for line in lines[1:]] == ["1", "0"]
    assert "accepted beyond its limits" in lines[1]
    newest, first = json.loads(invoke("history", "orders", "--json")[1])
    assert (newest["rows"], newest["superseded"], first["rows"]) == (1, 1, 1)


def test_checks_are_shown(invoke, made):
    """`show` has the checks, and the history names failed checks of committed versions."""
    made(a=b"1,2\n2,7000\n", accept=True)
    assert "check         cheap: a price below 1,000 (else block)" in invoke("show", "orders")[1]
    document = json.loads(invoke("show", "orders", "--json")[1])
    assert document["checks"] == {"cheap": {"expected": "a price below 1,000", "on_fail": "block", "over": "table"}}
    assert "accepted beyond its limits, checks failed: cheap" in invoke("history", "orders")[1]
    [commit] = json.loads(invoke("history", "orders", "--json")[1])
    assert [(one["name"], one["passed"]) for one in commit["checks"]] == [("cheap", False)]


def test_quarantine(invoke, made):
    """The output has counts by rule, and examples with text and origin."""
    made(a=b"1,2\n2,-1\nx,-2\n", accept=True)
    status, out, _ = invoke("quarantine", "orders", "--limit", "1")
    assert status == 0
    assert "orders: 2 rows in quarantine" in out
    assert "price: expected at least 0" in out
    assert ", record 3: price: expected at least 0, found -1\n    2,-1\n" in out
    assert "and 1 more rows; see --limit" in out
    document = json.loads(invoke("quarantine", "orders", "--json")[1])
    assert [(one["rule"], one["rows"]) for one in document["reasons"]] == [
        ("price: expected at least 0", 2),
        ("id: expected a whole number (Int64)", 1),
    ]
    assert [one["text"] for one in document["examples"]] == ["2,-1", "x,-2"]


def test_an_empty_quarantine(invoke, made):
    """The output says that 0 rows are in quarantine."""
    made(a=b"1,2\n")
    assert invoke("quarantine", "orders")[:2] == (0, "orders: 0 rows in quarantine\n")


def test_rollback_and_release(invoke, made, tmp_path):
    """A rollback restores the rows, also in the Parquet copy; runs do not update them until the release."""
    made(a=b"1,2\n")
    made(a=b"1,3\n")
    status, out, _ = invoke("rollback", "orders", "0")
    assert (status, out) == (
        0, "orders: version 2 has the rows of version 0; runs do not update it until `dataset release orders`\n"
    )  # fmt: skip
    assert prices(tmp_path) == [2.0]
    assert "held" in invoke("ls")[1]
    assert "is held until `dataset release`" in invoke("show", "orders")[1]
    assert "1 rows of 1 objects" in invoke("show", "orders")[1]
    assert made(a=b"1,4\n").held
    assert invoke("release", "orders")[:2] == (0, "orders: released; the next run makes it from its sources\n")
    assert invoke("release", "orders")[:2] == (0, "orders: not held; nothing was changed\n")
    notes = [line.split()[-1] for line in invoke("history", "orders")[1].splitlines()[1:3]]
    assert notes == ["released", "0"]
    made()
    assert prices(tmp_path) == [4.0]


def test_rollback_to_an_expired_version(invoke, made):
    """The error names the available versions; exit status 1."""
    made(a=b"1,2\n")
    status, _, err = invoke("rollback", "orders", "0")
    assert (status, "expected a version before the current one, which is 0" in err) == (1, True)


def test_vacuum(invoke, made, tmp_path):
    """Files within the retention are kept; a dry run lists expired files."""
    made(a=b"1,2\n")
    made(a=b"1,3\n")
    status, out, _ = invoke("vacuum", "--dry-run")
    assert (status, out) == (0, "orders: 0 files would be removed; versions of 30d can be read\n")
    assert json.loads(invoke("vacuum", "orders", "--json")[1]) == [{"dataset": "orders", "files": []}]
    orphan = tmp_path / "datasets" / "orders" / "orphan.parquet"
    orphan.touch()
    os.utime(orphan, (1, 1))
    invoke("vacuum")
    assert invoke("history", "orders")[1].splitlines()[1].endswith("vacuum end")


@pytest.mark.parametrize("words", [("show", "order"), ("history", "order"), ("vacuum", "order"), ("release", "order")])
def test_a_misspelt_name(invoke, words):
    """The error suggests the nearest name; exit status 2."""
    status, _, err = invoke(*words)
    assert (status, "did you mean 'orders'" in err) == (2, True)


def test_a_dataset_that_was_not_made(invoke):
    """The error says how to make it; exit status 1."""
    status, _, err = invoke("history", "orders")
    assert (status, "expected a dataset in " in err, "run the processing first" in err) == (1, True, True)


def test_without_settings(invoke):
    """The error names the option."""
    status, _, err = invoke("ls", where=())
    assert (status, "name the folder with --datasets FOLDER" in err) == (2, True)


def test_location_and_limits_from_settings(invoke, made, tmp_path):
    """The settings file gives the location of the datasets and their limits."""
    made(a=b"1,2\n")
    config = tmp_path / "processing.yaml"
    limits = {"orders": {"retention": "2d"}}
    config.write_text(
        json.dumps({"store": str(tmp_path / "store"), "datasets": str(tmp_path / "datasets"), "dataset_limits": limits})
    )
    out = invoke("show", "orders", where=("--config", config))[1]
    assert "retention     2d" in out
    assert "next run      nothing" in out


def test_a_department_without_datasets(invoke):
    """The error says so; exit status 2."""
    status, _, err = invoke("ls", department=WITHOUT)
    assert (status, "expected a stage whose settings are DatasetSettings" in err) == (2, True)


def test_without_the_extra(invoke, monkeypatch):
    """The error names the missing dependency; exit status 2."""
    monkeypatch.delitem(sys.modules, "department_of_data.datasets")
    monkeypatch.setitem(sys.modules, "airnub_data", None)
    status, _, err = invoke("ls")
    assert (status, "datasets need the dependency airnub-prefect[datasets], found no module airnub_data" in err) == (
        2,
        True,
    )


def test_accept_needs_a_stage_that_makes_datasets(tmp_path):
    """`--accept` with any other stage is a usage error."""
    for words in (("run", "--accept", "orders"), ("run", "other", "--accept", "orders")):
        answer = CliRunner().invoke(group(DEPARTMENT), list(words))
        assert (answer.exit_code, "--accept needs a stage that makes datasets" in answer.stderr) == (2, True)


def test_a_dataset_with_inputs(invoke, fill_store, tmp_path):
    """`show` and the history have the versions of the inputs; rows in quarantine have no object."""
    from dataclasses import replace

    import polars as pl
    from department_of_joins.datasets import ORDERS, TOTALS
    from department_of_joins.department import DEPARTMENT

    from airnub_data import Column

    def run(*words, where=("--datasets", tmp_path / "datasets")):
        return invoke(*words, where=where, department=DEPARTMENT)

    assert "next run      fails: expected a version of its input orders" in run("show", "totals")[1]
    location = Location(tmp_path / "datasets")
    fill_store(tmp_path / "store", {"a": HEADER + b"1,2\n2,3\n"})
    make_dataset(ORDERS, tmp_path / "store", location)
    assert "next run      it is made from version 0 of orders" in run("show", "totals")[1]
    make_dataset(TOTALS, None, location)
    out = run("show", "totals")[1]
    assert out.startswith("totals, of orders\n")
    assert "1 rows of version 0 of orders, 0 superseded" in out
    assert "next run      nothing: up to date with version 0 of orders" in out
    assert run("history", "totals")[1].rstrip().endswith("of orders 0")
    document = json.loads(run("show", "totals", "--json")[1])
    assert (document["sources"], document["inputs"]) == ([], ["orders"])
    assert document["version"]["input_versions"][0]["rows"] == 2
    fill_store(tmp_path / "store", {"b": HEADER + b"3,5\n"})
    make_dataset(ORDERS, tmp_path / "store", location)
    assert "next run      orders has version 1 after 0; it is made from version 1 of orders" in run("show", "totals")[1]
    strict = replace(TOTALS, max_quarantined="100%", max_shrink="100%", checks=(), columns={
        **TOTALS.columns, "price": Column(pl.Float64, maximum=1),
    })  # fmt: skip
    make_dataset(strict, None, location)
    out = run("quarantine", "totals")[1]
    assert "from the inputs: price: expected at most 1, found 10.0" in out
    assert '{"orders":3,"price":10.0}' in out
