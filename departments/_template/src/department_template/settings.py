"""Settings of each stage of department_template."""

from airnub_core import ApiSource, FileSource, PageSource
from airnub_prefect.settings import DatasetsConfig, DatasetSettings, SourceSettings, StageSettings


class IngestionSettings(SourceSettings, department="department_template", stage="ingestion"):
    """Store of the ingestion, and a list of sources for each category."""

    public_api_data: list[ApiSource] = []
    scheduled_file_downloads: list[FileSource] = []
    web_page_link_scraping: list[PageSource] = []


class ProcessingSettings(DatasetSettings, department="department_template", stage="processing"):
    """Store of the ingestion, location of the datasets, and their limits."""


class AnalysisSettings(StageSettings, DatasetsConfig, department="department_template", stage="analysis"):
    """Location of the datasets, and folder of the reports, absolute or below the data root."""

    reports: str
