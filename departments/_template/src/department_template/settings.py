"""What each stage of department_template is told."""

from airnub_core import FileSource
from airnub_prefect.settings import SourceSettings, SourcesPart, StageSettings, StoreSettings


class IngestionSettings(SourceSettings, department="department_template", stage="ingestion"):
    """What is fetched, and into which store."""

    scheduled_file_downloads: list[FileSource] = []

    def files(self) -> SourcesPart[FileSource]:
        """The part of `scheduled_file_downloads`."""
        return self.part(self.scheduled_file_downloads)


class ProcessingSettings(StoreSettings, department="department_template", stage="processing"):
    """Where the objects are, as for the ingestion, and the folder that the datasets go to."""

    datasets: str


class AnalysisSettings(StageSettings, department="department_template", stage="analysis"):
    """Where the datasets are, and where the reports go; folders, absolute or below the data root."""

    datasets: str
    reports: str
