"""The analysis, alone."""

import asyncio

import pytest

from airnub_prefect.errors import StageFailedError
from department_template.flows.analysis import analysis
from department_template.settings import AnalysisSettings


def test_it_needs_what_the_processing_makes(prefect_api, data_root):
    """And says so."""
    with pytest.raises(StageFailedError, match="run the processing first"):
        asyncio.run(analysis(AnalysisSettings(datasets="datasets", reports="reports")))
