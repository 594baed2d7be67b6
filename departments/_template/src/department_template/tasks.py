"""The department's own tasks: a name, and one call each. They work on files of this machine: a retry would not help."""

from prefect import task
from prefect.cache_policies import NO_CACHE

from airnub_core import Outcome
from airnub_core.datasets import make_dataset
from airnub_prefect.places import data_path
from department_template.datasets import MEASUREMENTS
from department_template.report import write_report


@task(cache_policy=NO_CACHE)
def measurements(store: str, datasets: str) -> Outcome:
    """Make the dataset."""
    return make_dataset(MEASUREMENTS, data_path(store), data_path(datasets))


@task(cache_policy=NO_CACHE)
def report(datasets: str, reports: str) -> Outcome:
    """Write the report."""
    return write_report(data_path(datasets), data_path(reports))
