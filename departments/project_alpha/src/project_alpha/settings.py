"""What each stage of project_alpha is told."""

from airnub_core import ApiSource, FileSource, PageSource
from airnub_prefect.settings import CategoryConfig, DatasetsConfig, DatasetSettings, SourceSettings, StageSettings


class IngestionSettings(SourceSettings, department="project_alpha", stage="ingestion"):
    """What is fetched, in three categories, and into which store."""

    scheduled_file_downloads: list[FileSource] = []
    public_api_data: list[ApiSource] = []
    web_page_link_scraping: list[PageSource] = []

    def files(self) -> CategoryConfig[FileSource]:
        """The part of `scheduled_file_downloads`."""
        return self.category(self.scheduled_file_downloads)

    def apis(self) -> CategoryConfig[ApiSource]:
        """The part of `public_api_data`."""
        return self.category(self.public_api_data)

    def pages(self) -> CategoryConfig[PageSource]:
        """The part of `web_page_link_scraping`."""
        return self.category(self.web_page_link_scraping)


class ProcessingSettings(DatasetSettings, department="project_alpha", stage="processing"):
    """Where the objects are, as for the ingestion, where the datasets go to, and their limits."""


class AnalysisSettings(StageSettings, DatasetsConfig, department="project_alpha", stage="analysis"):
    """Where the datasets are, and the folder that the reports go to, absolute or below the data root."""

    reports: str
