"""The `run` command: a stage or the pipeline in this process, with a report at the end."""

import inspect
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from airnub_common import redact_text
from airnub_core import Report, StoreError
from airnub_prefect.command.display import (
    Display,
    FinishedStage,
    echo_err,
    echo_error,
    pipeline_document,
    print_json,
    print_report,
    stage_document,
    stdout_to_stderr,
)
from airnub_prefect.department import PIPELINE, Department, Stage
from airnub_prefect.errors import ConfigurationError, PipelineFailedError, ServerUnreachableError, StageFailedError
from airnub_prefect.exit_codes import FAILURE, INTERRUPTED, REJECTED, SUCCESS
from airnub_prefect.progress import progress_to
from airnub_prefect.session import prefect_session
from airnub_prefect.validation import load_yaml


@dataclass(frozen=True, slots=True)
class Selection:
    """The sources and items of a stage to run."""

    sources: Sequence[str] = ()
    """Run only these sources, or datasets of them; all if empty."""
    failed: bool = False
    """Of these, run only what failed in the last run."""

    def parameters(self) -> dict[str, Any]:
        """The selection as parameters of a flow; defaults are left out."""
        given: dict[str, Any] = {"sources": list(self.sources)} if self.sources else {}
        return given | ({"failed": True} if self.failed else {})

    def taken_by(self, what: str, load: Callable[[], Any]) -> Callable[[], Any]:
        """A `load` that fails if its flow lacks the parameters of the selection, and would run more than selected.

        Raises:
            ConfigurationError: raised by the returned function; nothing was run.
        """

        def checked() -> Any:
            flow = load()
            if lacking := [name for name in self.parameters() if name not in inspect.signature(flow.fn).parameters]:
                options = " and ".join({"sources": "--source", "failed": "--failed"}[name] for name in lacking)
                raise ConfigurationError.of(
                    what,
                    f"{options}: expected a flow with the parameter {' and '.join(lacking)}, found none; flows of the "
                    "template have it: run `airnub template update`",
                )
            return flow

        return checked


ALL = Selection()


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
        The exit status: 0, or 1 if the run failed.

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
    else:
        print_report(stage.name, report, seconds)
    if failure is not None:
        echo_error(said or failure)
        return FAILURE
    return SUCCESS


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
        The exit status: 0, 1 if the run failed, or 2 if the settings of a stage are invalid and others ran.

    Raises:
        ConfigurationError: the configuration is invalid; nothing was run.
        ServerUnreachableError: the configured Prefect server does not answer.
    """
    failure, status = None, 0
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
                failure, status = str(error) if as_json else error.headline, FAILURE
                if isinstance(error, PipelineFailedError):
                    wrong = [one for one in error.failures.values() if isinstance(one, ConfigurationError)]
                    status = REJECTED if wrong else FAILURE
            except StoreError as error:
                failure, status = str(error), FAILURE
            except ConfigurationError as error:
                if not display.stages:
                    raise
                failure, status = str(error), REJECTED
            except ServerUnreachableError:
                raise
            except Exception as error:  # noqa: BLE001  # the reports are printed after any error of a department's flow
                failure, status = print_crash(PIPELINE, error), FAILURE
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
        return SUCCESS
    completed = ", ".join(stage for stage, one in display.stages.items() if one.failure is None)
    echo_error(
        f"{failure}\npipeline: failed, completed: {completed or 'no stage'}; stored items are safe; run it again for "
        "the rest"
    )
    return status


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
