"""Analysis, alone."""

import base64

from project_alpha.flows.analysis import analysis
from project_alpha.settings import AnalysisSettings


def test_the_answer_is_written_and_shown(run, table, datasets, tmp_path):
    """The table, the plot and the text of the folder are on the run's page too."""
    ended = run(analysis, settings=AnalysisSettings(datasets=str(datasets.root), reports=str(tmp_path / "reports")))
    assert ended.state == "Completed"
    [folder] = (tmp_path / "reports").iterdir()
    assert ended.artifacts["project-alpha-rain-report"] == (folder / "report.md").read_text().rpartition("\n!")[0]
    kind, _, image = ended.artifacts["project-alpha-rain-plot"].partition(",")
    assert kind == "data:image/png;base64"
    assert base64.b64decode(image) == (folder / "rain.png").read_bytes()
    rows = table(ended.artifacts["project-alpha-rain-table"])
    assert [(row["location"], row["wet_days"]) for row in rows] == [("Seattle", 506), ("New York", 362)]
    assert [outcome.note for outcome in ended.result.outcomes][-1].startswith("It rains on 40% more days in Seattle")


def test_without_a_dataset_the_run_fails_and_says_what_to_do(run, data_root):
    """No report is published."""
    ended = run(analysis, settings=AnalysisSettings(datasets="datasets", reports="reports"))
    assert ended.state == "Failed"
    expected = data_root / "datasets" / "noaa_daily_weather"
    assert f"expected a dataset in {expected}, found none; run the processing first" in ended.message
    assert set(ended.artifacts) == {"project-alpha-analysis-items", "project-alpha-analysis-summary"}
    assert list(data_root.iterdir()) == []
