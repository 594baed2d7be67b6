"""The import check of a department."""

import subprocess
import sys

import pytest

from airnub_prefect.image_check import import_flows


def test_every_flow_is_named():
    """Those of its modules and those that its stages name, once each."""
    assert import_flows("department_for_tests") == [
        "department-for-tests",
        "department-for-tests-counting",
        "department-for-tests-ingestion",
        "department-for-tests-sync",
    ]


def test_a_flow_that_cannot_be_imported(tmp_path, monkeypatch):
    """The error of its import is raised."""
    package = tmp_path / "broken_department"
    (package / "flows" / "ingestion").mkdir(parents=True)
    for folder in (package, package / "flows", package / "flows" / "ingestion"):
        (folder / "__init__.py").touch()
    (package / "flows" / "ingestion" / "apis.py").write_text("import a_package_that_nobody_declared\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ModuleNotFoundError, match="a_package_that_nobody_declared"):
        import_flows("broken_department")


@pytest.mark.system
def test_as_a_command(environment):
    """One flow a line; a department that is not there ends with another status."""
    command = [sys.executable, "-m", "airnub_prefect.image_check"]
    done = subprocess.run(
        [*command, "department_for_tests"], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines() == import_flows("department_for_tests")
    assert (
        subprocess.run([*command, "missing_department"], env=environment, capture_output=True, check=False).returncode
        != 0
    )
