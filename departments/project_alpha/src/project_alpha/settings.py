"""Settings of each stage of project_alpha."""

from airnub_core import ApiSource, FileSource, PageSource
from airnub_prefect.settings import CategoryConfig, DatasetsConfig, DatasetSettings, SourceSettings, StageSettings


class IngestionSettings(SourceSettings, department="project_alpha", stage="ingestion"):
    """Store of the ingestion, and the sources of three categories."""

    scheduled_file_downloads: list[FileSource] = []
    public_api_data: list[ApiSource] = []
    web_page_link_scraping: list[PageSource] = []

    def files(self) -> CategoryConfig[FileSource]:
        """Configuration of `scheduled_file_downloads`."""
        return self.category(self.scheduled_file_downloads)

    def apis(self) -> CategoryConfig[ApiSource]:
        """Configuration of `public_api_data`."""
        return self.category(self.public_api_data)

    def pages(self) -> CategoryConfig[PageSource]:
        """Configuration of `web_page_link_scraping`."""
        return self.category(self.web_page_link_scraping)


class ProcessingSettings(DatasetSettings, department="project_alpha", stage="processing"):
    """Store of the ingestion, location of the datasets, and their limits."""


class AnalysisSettings(StageSettings, DatasetsConfig, department="project_alpha", stage="analysis"):
    """Location of the datasets, and folder of the reports, absolute or below the data root."""

    reports: str
