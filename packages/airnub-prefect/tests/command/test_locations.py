"""Locations of a department's store and datasets."""

import pytest

from airnub_core import StoreLocation
from airnub_prefect.command.locations import find_store
from airnub_prefect.department import Department, Stage
from airnub_prefect.errors import ConfigurationError


def test_a_department_without_an_ingestion(tmp_path):
    """It has no store of its own, but can look at one."""
    stage = Stage("counting", "department_for_tests.flows:counting", "department_for_tests.settings:CountingSettings")
    department = Department("of_tests", (stage,), "", "")
    with pytest.raises(
        ConfigurationError, match="expected a stage that ingests, found none; name the folder with --store FOLDER"
    ):
        find_store(department, None, None, with_index=False)
    assert find_store(department, tmp_path, None, with_index=False) == StoreLocation(tmp_path)
