"""The pipeline: all stages of a department in one run, which continues after a failure and reports it at the end.

The other way is by events (`airnub_prefect.events`): the stages' own deployments start each other.
"""

from collections.abc import Awaitable, Callable, Mapping

from airnub_core import IngestError, Report
from airnub_prefect.errors import ConfigurationError, PipelineFailedError, StageFailedError, UnknownNameError


async def run_stages(stages: Mapping[str, Callable[[], Awaitable[Report]]]) -> dict[str, Report]:
    """Run stages one after another; one that fails stops none of those after it.

    Args:
        stages: by name, in their order, what starts each: `{"ingestion": lambda: ingest(settings, force)}`.

    Returns:
        The report of each stage.

    Raises:
        PipelineFailedError: items of a stage failed, more than it tolerates, or it ended with an error of its settings
            or of the engine; all stages were started.
        ConfigurationError: the settings of every stage are wrong; nothing was run.
        UnknownNameError: a stage is given a name that its settings do not have; no later stage was started.
        Exception: whatever else a stage raises ends the run at once.
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
