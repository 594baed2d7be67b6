"""Options that several commands share."""

from collections.abc import Callable
from pathlib import Path

import click

FILE = click.Path(path_type=Path, dir_okay=False)
FOLDER = click.Path(path_type=Path, file_okay=False)
JSON = click.option("--json", "as_json", is_flag=True, help="Print one JSON document to stdout, and nothing else.")
VERBOSE = click.option("--verbose", is_flag=True, help="Print Prefect's own logs to stderr.")
STORE = click.option(
    "--store", "store", type=FOLDER, metavar="FOLDER", help="Content store. Default: from the settings."
)
DATASETS = click.option(
    "--datasets", "datasets", type=FOLDER, metavar="FOLDER", help="Datasets. Default: from the settings."
)


def store_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options of the `store` commands that give the location of the store."""
    config = click.option("--config", type=FILE, metavar="FILE", help="Settings file of the ingestion.")
    return STORE(config(command))


def dataset_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options of the `dataset` commands that give the location of the datasets."""
    config = click.option("--config", type=FILE, metavar="FILE", help="Settings file of the processing.")
    return DATASETS(STORE(config(command)))
