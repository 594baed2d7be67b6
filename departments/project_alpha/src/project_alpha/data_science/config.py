"""Configuration of the research: folders, threshold of a wet day, and first day of the test."""

from dataclasses import dataclass
from datetime import date
from pathlib import Path


@dataclass(frozen=True)
class ResearchConfig:
    """Configuration of one run; the defaults are those of the command."""

    datasets: Path = Path("datasets/project_alpha")
    """The folder of the datasets; relative paths start at the current folder."""

    output: Path = Path("reports/project_alpha/data_science")
    """The folder for results, created as needed."""

    wet_day_mm: float = 1.0
    """The minimum precipitation of a wet day, in mm per day.

    WMO's threshold: A. Klein Tank, F. Zwiers, X. Zhang, Guidelines on Analysis of Extremes in a Changing Climate,
    WMO-TD No. 1500 (2009), indices CDD and CWD.
    """

    test_from: date = date(2015, 1, 1)
    """The first predicted day of the test; every earlier day may train. Days are never shuffled across it."""

    @property
    def scores(self) -> Path:
        return self.output / "scores.json"

    @property
    def report(self) -> Path:
        return self.output / "report.md"

    @property
    def reliability_plot(self) -> Path:
        return self.output / "reliability.png"

    @property
    def brier_plot(self) -> Path:
        return self.output / "brier_scores.png"
