"""Settings of its stage."""

from airnub_prefect.settings import DatasetSettings

DEPARTMENT = "department_of_joins"


class ProcessingSettings(DatasetSettings, department=DEPARTMENT, stage="processing"):
    """Where the datasets are."""
