"""The `run` command: a stage or the pipeline in this process, with a report at the end."""

import time
import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from airnub_common import redact_text
from airnub_core import Report, StoreError
from airnub_prefect.command.display import (
    Display,
    FinishedStage,
    echo_err,
    echo_error,
    print_json,
    print_report,
    stdout_to_stderr,
)
from airnub_prefect.department import PIPELINE, Department, Stage
from airnub_prefect.errors import ConfigurationError, PipelineFailedError, ServerUnreachableError, StageFailedError
from airnub_prefect.exit_codes import COMPLETED, FAILED, INTERRUPTED, INVALID
from airnub_prefect.progress import progress_to
from airnub_prefect.selection import ALL, Selection
from airnub_prefect.session import prefect_session
from airnub_prefect.validation import load_yaml


def run_stage(
    stage: Stage,
    selection: Selection = ALL,
    *,
    config: Path | None,
    force: bool,
    as_json: bool,
    verbose: bool,
    accept: Sequence[str] = (),
) -> int:
    """Run one stage and show its report.

    Args:
        stage: stage to run.
        selection: sources and items to run.
        config: YAML file with its settings; `None` for the Variable, or the file in the checkout.
        force: re-run even if unchanged.
        accept: datasets that may be committed beyond their limits in this run.
        as_json: print the report as one JSON document.
        verbose: print Prefect's own logs.

    Returns:
        The exit code: `COMPLETED`, `FAILED`, or `INTERRUPTED`.

    Raises:
        ConfigurationError: the configuration is invalid; nothing was run.
        ServerUnreachableError: the configured Prefect server does not answer.
    """
    settings = None if config is None else load_yaml(stage.load_settings(), config)
    report, failure, said = Report(), None, None
    parameters = {"settings": settings, "force": force, "accept": list(accept), **selection.parameters()}
    load = selection.taken_by(stage.name, stage.load_flow)
    with stdout_to_stderr(), prefect_session(verbose=verbose) as session:
        started = time.monotonic()
        with Display() as display, progress_to(display):
            try:
                report = report_of(stage.flow, session.run(load, parameters))
            except StageFailedError as error:
                report, failure = error.report, str(error)
                # The table names the failed items; with --json, the message on stderr does.
                said = None if as_json else error.headline
            except StoreError as error:
                failure = str(error)
            except (ConfigurationError, ServerUnreachableError):
                raise
            except Exception as error:  # noqa: BLE001  # the report is printed after any error of a department's flow
                failure = print_crash(stage.name, error)
            except KeyboardInterrupt:
                echo_err(interruption_message(display))
                return INTERRUPTED
            display.reported(report)
        seconds = time.monotonic() - started
    if as_json:
        print_json(stage_document(stage.name, report, failure=failure, seconds=seconds))
    elif failure is None or report.outcomes:
        # After an error of the store nothing is known about the items, which is not the same as no items.
        print_report(stage.name, report, seconds)
    if failure is not None:
        echo_error(said or failure)
        return FAILED
    return COMPLETED


def run_pipeline(
    department: Department, selection: Selection = ALL, *, force: bool, as_json: bool, verbose: bool
) -> int:
    """Run all stages of a department, and show a report of each.

    Args:
        department: department of the pipeline.
        selection: sources and items to run.
        force: re-run even if unchanged.
        as_json: print one JSON document, which contains those of finished stages.
        verbose: print Prefect's own logs.

    Returns:
        The exit code: as for a stage, or `INVALID` if the settings of a stage are invalid and others ran.

    Raises:
        ConfigurationError: the configuration is invalid; nothing was run.
        ServerUnreachableError: the configured Prefect server does not answer.
    """
    failure, code = None, COMPLETED
    with stdout_to_stderr(), prefect_session(verbose=verbose) as session:
        started = time.monotonic()
        with Display() as display, progress_to(display):
            try:
                parameters = {"force": force, **selection.parameters()}
                load = selection.taken_by(PIPELINE, department.load_pipeline)
                reports = reports_of(department, session.run(load, parameters))
                display.stages |= {
                    stage: FinishedStage(report, None, 0.0)
                    for stage, report in reports.items()
                    if stage not in display.stages
                }
            except StageFailedError as error:
                # The tables name the failed items; with --json, the message on stderr does.
                failure, code = str(error) if as_json else error.headline, FAILED
                if isinstance(error, PipelineFailedError):
                    wrong = [one for one in error.failures.values() if isinstance(one, ConfigurationError)]
                    code = INVALID if wrong else FAILED
            except StoreError as error:
                failure, code = str(error), FAILED
            except ConfigurationError as error:
                if not display.stages:
                    raise
                failure, code = str(error), INVALID
            except ServerUnreachableError:
                raise
            except Exception as error:  # noqa: BLE001  # the reports are printed after any error of a department's flow
                failure, code = print_crash(PIPELINE, error), FAILED
            except KeyboardInterrupt:
                echo_err(interruption_message(display))
                return INTERRUPTED
            for one in display.stages.values():
                display.reported(one.report)
        seconds = time.monotonic() - started
    if as_json:
        print_json(pipeline_document(display.stages, failure=failure, seconds=seconds))
    else:
        for stage, one in display.stages.items():
            print_report(stage, one.report, one.seconds)
    if failure is None:
        echo_err(f"pipeline: all stages completed in {seconds:.1f} s")
        return COMPLETED
    completed = ", ".join(stage for stage, one in display.stages.items() if one.failure is None)
    echo_error(
        f"{failure}\npipeline: failed; completed stages: {completed or 'none'}. Stored items are safe; run it again "
        "for the rest"
    )
    return code


def reports_of(department: Department, value: object) -> dict[str, Report]:
    """The reports that the pipeline of a department returned, by stage.

    Raises:
        TypeError: the value is not a mapping of reports.
    """
    if not isinstance(value, Mapping):
        raise TypeError(f"{department.pipeline}: expected a mapping of stage to Report, found {type(value).__name__}")
    flows = {stage.name: stage.flow for stage in department.stages}
    return {stage: report_of(flows.get(stage, department.pipeline), report) for stage, report in value.items()}


def report_of(flow: str, value: object) -> Report:
    """The report that the flow of a stage returned.

    Raises:
        TypeError: the value is not a report.
    """
    if not isinstance(value, Report):
        raise TypeError(
            f"{flow}: expected a Report, found {type(value).__name__}; end it with `return await finish_stage(…)`"
        )
    return value


def print_crash(what: str, error: Exception) -> str:
    """Print the traceback of an unexpected error, and return a message for it."""
    echo_error(redact_text("".join(traceback.format_exception(error))))
    return redact_text(f"{what} crashed with {type(error).__name__}: {error}; stored items are safe")


def interruption_message(display: Display) -> str:
    """A message after Ctrl-C, with the number of stored items."""
    safe = sum(count for kind, count in display.counts.items() if kind != "failed")
    if safe == 0:
        return "Interrupted. No item was complete; run it again."
    which = "1 completed item is" if safe == 1 else f"{safe:,} completed items are"
    return f"Interrupted. The {which} safe; run it again for the rest."


def stage_document(stage: str, report: Report, *, failure: str | None, seconds: float) -> dict[str, Any]:
    """The JSON document of `run STAGE --json`; its format is stable."""
    return {
        "stage": stage,
        "state": "completed" if failure is None else "failed",
        "counts": report.counts,
        "seconds": round(seconds, 3),
        "bytes": report.new_bytes,
        "items": [outcome.as_json() for outcome in report.outcomes],
        "failure": failure,
    }


def pipeline_document(stages: Mapping[str, FinishedStage], *, failure: str | None, seconds: float) -> dict[str, Any]:
    """The JSON document of `run pipeline --json`; its format is stable.

    Args:
        stages: finished stages, in their order. A stage that was not started has no document.
        failure: the reason if the pipeline failed, `None` if it completed.
        seconds: duration of the pipeline.
    """
    every = Report([outcome for one in stages.values() for outcome in one.report.outcomes])
    return {
        "stage": PIPELINE,
        "state": "completed" if failure is None else "failed",
        "counts": every.counts,
        "seconds": round(seconds, 3),
        "stages": [
            stage_document(stage, one.report, failure=one.failure, seconds=one.seconds) for stage, one in stages.items()
        ],
        "failure": failure,
    }
