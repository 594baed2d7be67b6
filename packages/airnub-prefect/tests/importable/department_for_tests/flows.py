"""Its flows."""

import os

from prefect import flow, task

from airnub_core import Outcome, Report, Status
from airnub_core.errors import DatasetError
from airnub_prefect.finish_stage import finish_stage
from airnub_prefect.settings_resolution import resolve
from airnub_prefect.tasks import fetch_apis, fetch_files, fetch_pages
from department_for_tests.settings import CountingSettings, IngestionSettings


@flow(name="department-for-tests-ingestion", description="Fetches\n    the given URLs.")
async def ingestion(settings: IngestionSettings | None = None, force: bool = False) -> Report:
    """A stage that takes `force`."""
    settings = await resolve(IngestionSettings, settings)
    report = await fetch_files(settings.of_files(), force)
    report += await fetch_apis(settings.of_apis(), force)
    report += await fetch_pages(settings.of_pages(), force)
    return await finish_stage(settings, report, settings.tolerated_failures)


@task
def count(number: int) -> Outcome:
    """A small task."""
    return Outcome(
        f"number_{number}", Status.STORED, path=f"{number}.txt", size=1, rows=number, note=None if number else "[none]"
    )


@flow(name="department-for-tests-counting", description="Counts.")
async def counting(settings: CountingSettings | None = None) -> Report | None:
    """A stage that takes no `force`; its settings decide how it ends."""
    settings = await resolve(CountingSettings, settings)
    futures = [count.submit(number) for number in range(settings.tasks)]
    outcomes = [future.result() for future in futures]
    match settings.ending:
        case "failed":
            outcomes.append(Outcome("broken", Status.FAILED, error=DatasetError("broken", "expected rows, found none")))
        case "broken":
            raise KeyError("https://me:hunter2@example.org/")
        case "chatty":
            print("printed by the flow")  # noqa: T201  # as people do
            os.system("echo printed by a child of the flow")  # noqa: ASYNC221  # as they do, too
        case "silent":
            return None
    return await finish_stage(settings, Report(outcomes))


@flow(name="department-for-tests-sync", description="Counts, without async.")
def counting_sync(settings: CountingSettings | None = None) -> Report:
    """A stage that is an ordinary function."""
    assert settings is not None
    return Report([count(number) for number in range(settings.tasks)])


@flow(name="department-for-tests", description="Both.")
async def pipeline(
    ingestion: IngestionSettings | None = None, counting: CountingSettings | None = None, force: bool = False
) -> dict[str, Report | None]:
    """All stages."""
    return {"ingestion": await _ingestion(ingestion, force), "counting": await _counting(counting)}


_ingestion, _counting = ingestion, counting
