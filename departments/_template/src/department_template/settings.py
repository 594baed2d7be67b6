"""What each stage of department_template is told."""

from airnub_core import ApiSource, FileSource, PageSource
from airnub_prefect.settings import DatasetsConfig, DatasetSettings, SourceSettings, StageSettings


class IngestionSettings(SourceSettings, department="department_template", stage="ingestion"):
    """What is fetched, and into which store: a list of sources for each category."""

    public_api_data: list[ApiSource] = []
    scheduled_file_downloads: list[FileSource] = []
    web_page_link_scraping: list[PageSource] = []


class ProcessingSettings(DatasetSettings, department="department_template", stage="processing"):
    """Where the objects are, as for the ingestion, where the datasets go to, and their limits."""


class AnalysisSettings(StageSettings, DatasetsConfig, department="department_template", stage="analysis"):
    """Where the datasets are, and the folder that the reports go to, absolute or below the data root."""

    reports: str
