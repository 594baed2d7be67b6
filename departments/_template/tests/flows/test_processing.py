"""The processing flow."""

import asyncio

import pytest

from airnub_prefect.errors import StageFailedError
from department_template.flows.processing import processing
from department_template.settings import ProcessingSettings


def test_it_fails_without_a_store(prefect_api, data_root):
    """The error names the ingestion."""
    with pytest.raises(StageFailedError, match="run the ingestion first"):
        asyncio.run(processing(ProcessingSettings(store="store", datasets="datasets")))
