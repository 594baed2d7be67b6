"""The analysis flow."""

import asyncio

import pytest

from airnub_prefect.errors import StageFailedError
from department_template.flows.analysis import analysis
from department_template.settings import AnalysisSettings


def test_it_fails_without_the_dataset(prefect_api, data_root):
    """The error names the processing."""
    with pytest.raises(StageFailedError, match="run the processing first"):
        asyncio.run(analysis(AnalysisSettings(datasets="datasets", reports="reports")))
