"""What its stages are told."""

from typing import Literal

from airnub_core import ApiSource, FileSource, PageSource
from airnub_prefect.settings import DatasetSettings, SourceSettings, SourcesPart, StageSettings

DEPARTMENT = "department_for_tests"


class IngestionSettings(SourceSettings, department=DEPARTMENT, stage="ingestion"):
    """What is fetched."""

    files: list[FileSource] = []
    apis: list[ApiSource] = []
    pages: list[PageSource] = []

    def of_files(self) -> SourcesPart[FileSource]:
        """The part of `files`."""
        return self.part(self.files)

    def of_apis(self) -> SourcesPart[ApiSource]:
        """The part of `apis`."""
        return self.part(self.apis)

    def of_pages(self) -> SourcesPart[PageSource]:
        """The part of `pages`."""
        return self.part(self.pages)


class ProcessingSettings(DatasetSettings, department=DEPARTMENT, stage="processing"):
    """Where the datasets of `datasets` go."""


class CountingSettings(StageSettings, department=DEPARTMENT, stage="counting"):
    """How many small tasks are run, and how the stage ends."""

    tasks: int = 1
    ending: Literal["well", "failed", "broken", "chatty", "silent"] = "well"
