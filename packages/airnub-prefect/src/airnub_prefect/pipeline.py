"""Pipeline: the stages of a department in one run. What can be made is made; then the run fails and names the rest.

The other way is by events (`airnub_prefect.events`): the stages' own deployments start each other.
"""

from collections.abc import Awaitable, Callable, Mapping

from airnub_core import Report
from airnub_prefect.errors import PipelineFailedError, StageFailedError


async def run_stages(stages: Mapping[str, Callable[[], Awaitable[Report]]]) -> dict[str, Report]:
    """Run stages one after another; one whose items failed stops none of those after it.

    Args:
        stages: by name, in their order, what starts each: `{"ingestion": lambda: ingest(settings, force)}`.

    Returns:
        The report of each stage.

    Raises:
        PipelineFailedError: items of a stage failed, more than it tolerates; all stages have run.
        Exception: whatever else a stage raises, such as wrong settings or a full disk, ends the run at once.
    """
    reports: dict[str, Report] = {}
    failures: list[StageFailedError] = []
    for name, start in stages.items():
        try:
            reports[name] = await start()
        except StageFailedError as error:
            reports[name] = error.report
            failures.append(error)
    if failures:
        raise PipelineFailedError(reports, failures)
    return reports
