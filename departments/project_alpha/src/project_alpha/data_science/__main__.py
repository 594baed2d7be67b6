"""The command: `python -m project_alpha.data_science`."""

from importlib.util import find_spec
from pathlib import Path
from typing import NoReturn

import click

from airnub_common import digest_of, write_atomic
from airnub_core import IngestError
from project_alpha.data_science import features, modeling, plots, report
from project_alpha.data_science.config import ResearchConfig
from project_alpha.data_science.dataset import load_days
from project_alpha.data_science.scores import score

_FOLDER = click.Path(file_okay=False, path_type=Path)
_DEFAULTS = ResearchConfig()
_DEMO_DATASETS = "data/demo/project_alpha/datasets"
_EXAMPLE = f"""\b
Example:
  uv run project-alpha demo
  uv run --package project-alpha --extra science \\
    python -m project_alpha.data_science --datasets {_DEMO_DATASETS}
"""


def research(config: ResearchConfig) -> report.Results:
    """Run the study, from the dataset to its scores, without writing files.

    Raises:
        DatasetError: the dataset does not exist, or lacks rows that the study needs.
        StoreError: the dataset cannot be read.
    """
    days = load_days(config.datasets)
    train, test = modeling.split(features.examples(days, config.wet_day_mm), config.test_from)
    forecasts = modeling.forecasts(train, test)
    return report.Results(config, digest_of(days.write_csv().encode()), train, test, forecasts, score(forecasts))


def publish(results: report.Results) -> list[Path]:
    """Write the four files of the results atomically, and return their paths.

    Raises:
        OSError: the output folder cannot be created or written.
    """
    config = results.config
    contents: dict[Path, str | bytes] = {
        config.scores: report.scores_json(results),
        config.reliability_plot: plots.png(plots.reliability_diagram(results.forecasts)),
        config.brier_plot: plots.png(plots.brier_bars(results.scores)),
        config.report: report.markdown(results),  # last: it names the pictures
    }
    for path, content in contents.items():
        write_atomic(path, content)
    return list(contents)


@click.command(epilog=_EXAMPLE, context_settings={"show_default": True})
@click.option("--datasets", type=_FOLDER, default=_DEFAULTS.datasets, help="Folder of the datasets.")
@click.option("--output", type=_FOLDER, default=_DEFAULTS.output, help="Folder for results; created as needed.")
def main(datasets: Path, output: Path) -> None:
    """Can tomorrow's rain be predicted from what is known today?

    Compares a logistic regression with climatology and persistence on daily weather, trained before 2015 and tested
    from then on. Prints the scores and writes scores.json, report.md, reliability.png and brier_scores.png.

    Exit status: 0 if completed, 1 if the results cannot be written, 2 if the dataset or the extra `science` is missing.
    """
    if find_spec("sklearn") is None:
        _stop(2, "scikit-learn is not installed; run this with `uv run --package project-alpha --extra science ...`")
    try:
        results = research(ResearchConfig(datasets=datasets, output=output))
    except IngestError as error:
        _stop(2, f"{error}; name the folder with --datasets (`uv run project-alpha demo` makes {_DEMO_DATASETS})")
    try:
        paths = publish(results)
    except OSError as error:
        _stop(1, f"expected to write results to {output}, found {error}; name another folder with --output")
    click.echo(report.table(results.scores))
    click.echo("\nwritten:")
    for path in paths:
        click.echo(f"  {path}")


def _stop(status: int, message: str) -> NoReturn:
    click.echo(f"Error: {message}", err=True)
    raise SystemExit(status)


if __name__ == "__main__":
    main(prog_name="python -m project_alpha.data_science")
