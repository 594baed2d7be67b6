"""Settings of its stages."""

from typing import Literal

from airnub_core import ApiSource, FileSource, PageSource
from airnub_prefect.settings import CategoryConfig, DatasetSettings, SourceSettings, StageSettings

DEPARTMENT = "department_for_tests"


class IngestionSettings(SourceSettings, department=DEPARTMENT, stage="ingestion"):
    """What is fetched."""

    files: list[FileSource] = []
    apis: list[ApiSource] = []
    pages: list[PageSource] = []

    def of_files(self) -> CategoryConfig[FileSource]:
        """Configuration of `files`."""
        return self.category(self.files)

    def of_apis(self) -> CategoryConfig[ApiSource]:
        """Configuration of `apis`."""
        return self.category(self.apis)

    def of_pages(self) -> CategoryConfig[PageSource]:
        """Configuration of `pages`."""
        return self.category(self.pages)


class ProcessingSettings(DatasetSettings, department=DEPARTMENT, stage="processing"):
    """Where the datasets of `datasets` go."""


class CountingSettings(StageSettings, department=DEPARTMENT, stage="counting"):
    """How many small tasks are run, and how the stage ends."""

    tasks: int = 1
    ending: Literal["well", "failed", "broken", "chatty", "silent"] = "well"
