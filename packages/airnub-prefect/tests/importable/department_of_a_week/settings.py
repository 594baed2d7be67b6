"""Settings of its stages."""

from airnub_core import FileSource
from airnub_prefect.settings import DatasetSettings, SourceSettings

DEPARTMENT = "department_of_a_week"


class IngestionSettings(SourceSettings, department=DEPARTMENT, stage="ingestion"):
    """What is fetched."""

    files: list[FileSource] = []


class ProcessingSettings(DatasetSettings, department=DEPARTMENT, stage="processing"):
    """Where the datasets are."""
