"""What each stage of project_alpha is told."""

from airnub_core import ApiSource, FileSource, PageSource
from airnub_prefect.settings import DatasetSettings, DatasetsPart, SourceSettings, SourcesPart, StageSettings


class IngestionSettings(SourceSettings, department="project_alpha", stage="ingestion"):
    """What is fetched, in three categories, and into which store."""

    scheduled_file_downloads: list[FileSource] = []
    public_api_data: list[ApiSource] = []
    web_page_link_scraping: list[PageSource] = []

    def files(self) -> SourcesPart[FileSource]:
        """The part of `scheduled_file_downloads`."""
        return self.part(self.scheduled_file_downloads)

    def apis(self) -> SourcesPart[ApiSource]:
        """The part of `public_api_data`."""
        return self.part(self.public_api_data)

    def pages(self) -> SourcesPart[PageSource]:
        """The part of `web_page_link_scraping`."""
        return self.part(self.web_page_link_scraping)


class ProcessingSettings(DatasetSettings, department="project_alpha", stage="processing"):
    """Where the objects are, as for the ingestion, where the datasets go to, and their limits."""


class AnalysisSettings(StageSettings, DatasetsPart, department="project_alpha", stage="analysis"):
    """Where the datasets are, and the folder that the reports go to, absolute or below the data root."""

    reports: str
