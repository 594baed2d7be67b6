"""Settings of its stages."""

from airnub_prefect.settings import DatasetSettings, StageSettings

DEPARTMENT = "department_of_data"


class ProcessingSettings(DatasetSettings, department=DEPARTMENT, stage="processing"):
    """Where the datasets are."""


class OtherSettings(StageSettings, department=DEPARTMENT, stage="other"):
    """Of a stage that makes no dataset."""
