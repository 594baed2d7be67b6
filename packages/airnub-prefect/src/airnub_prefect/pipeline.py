"""The pipeline: all stages of a department in one run, which continues after a failure and reports it at the end.

Without it, the deployments of the stages start each other by events (`airnub_prefect.events`).
"""

from collections.abc import Awaitable, Callable, Mapping

from airnub_core import IngestError, Report
from airnub_prefect.errors import ConfigurationError, PipelineFailedError, StageFailedError, UnknownNameError


async def run_stages(stages: Mapping[str, Callable[[], Awaitable[Report]]]) -> dict[str, Report]:
    """Run stages one after another; a failed stage does not stop the following ones.

    Args:
        stages: the function that starts each stage, by name and in order: `{"ingestion": lambda: ingest(settings,
            force)}`.

    Returns:
        The report of each stage.

    Raises:
        PipelineFailedError: in some stage more items failed than it tolerates, its settings are invalid, or the engine
            failed; all stages were started.
        ConfigurationError: the settings of every stage are invalid; nothing was run.
        UnknownNameError: a stage has a name that its settings do not have; no later stage was started.
        Exception: any other error of a stage ends the run at once.
    """
    reports: dict[str, Report] = {}
    failures: dict[str, StageFailedError | ConfigurationError | IngestError] = {}
    for name, start in stages.items():
        try:
            reports[name] = await start()
        except UnknownNameError:
            raise
        except StageFailedError as error:
            reports[name] = error.report
            failures[name] = error
        except (ConfigurationError, IngestError) as error:
            failures[name] = error
    wrong = [failure for failure in failures.values() if isinstance(failure, ConfigurationError)]
    if wrong and len(wrong) == len(stages):
        raise ConfigurationError([mistake for one in wrong for mistake in one.mistakes])
    if failures:
        raise PipelineFailedError(reports, failures)
    return reports
