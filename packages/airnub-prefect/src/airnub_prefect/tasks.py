"""Shared tasks of all departments, one per batch, since a Prefect task per file would cost more than the file."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from importlib.metadata import version

from prefect import State, Task, task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import TaskRun
from prefect.runtime import flow_run

from airnub_core import (
    ApiSource,
    Engine,
    FileSource,
    Outcome,
    PageSource,
    Report,
    Status,
    ingest_apis,
    ingest_files,
    ingest_pages,
    open_engine,
)
from airnub_core.errors import IngestError, MissingSecretError
from airnub_core.http.retry import is_retryable
from airnub_core.store.index import Failure, Scope
from airnub_prefect.artifacts import batch_progress
from airnub_prefect.assets import emit_source_assets
from airnub_prefect.blocks import locate
from airnub_prefect.errors import ConfigurationError
from airnub_prefect.run_logs import send_library_logs
from airnub_prefect.secrets import find_secrets, variable_name
from airnub_prefect.settings import CategoryConfig, SourceT, package_folder

send_library_logs()


async def is_worth_retrying(_task: Task[..., object], _run: TaskRun, state: State[object]) -> bool:
    """Whether Prefect retries a failed task: not after a configuration error or a permanent error of the engine."""
    error = await state.aresult(raise_on_failure=False)
    if isinstance(error, IngestError):
        return is_retryable(error)
    return not isinstance(error, ConfigurationError)


@task(retries=1, retry_delay_seconds=2, retry_condition_fn=is_worth_retrying, cache_policy=NO_CACHE)
async def fetch_files(config: CategoryConfig[FileSource], force: bool = False) -> Report:
    """Fetch all files of a category into its store."""
    folder = package_folder(config.package)
    return await _ingest(
        "files",
        config,
        force,
        lambda engine, sources: ingest_files(engine, [source.with_urls_from(folder) for source in sources]),
    )


@task(retries=1, retry_delay_seconds=2, retry_condition_fn=is_worth_retrying, cache_policy=NO_CACHE)
async def fetch_apis(config: CategoryConfig[ApiSource], force: bool = False) -> Report:
    """Fetch all pages of every API of a category into its store; an API whose secret is missing is a failed item."""
    secrets = await find_secrets([source.auth.block for source in config.sources if source.auth])

    async def ingest(engine: Engine, sources: list[ApiSource]) -> list[Outcome]:
        given = [one for one in sources if one.auth is None or one.auth.block in secrets]
        failed = [_without_secret(one, one.auth.block) for one in sources if one.auth and one.auth.block not in secrets]
        engine.expect(len(failed))
        for outcome in failed:
            engine.report(outcome)
        return [*failed, *await ingest_apis(engine, given, lambda block: secrets[block].get_secret_value())]

    return await _ingest("APIs", config, force, ingest)


@task(retries=1, retry_delay_seconds=2, retry_condition_fn=is_worth_retrying, cache_policy=NO_CACHE)
async def fetch_pages(config: CategoryConfig[PageSource], force: bool = False) -> Report:
    """Read every page of a category, and fetch the files that it links to into its store."""
    return await _ingest("pages", config, force, ingest_pages)


async def _ingest(
    batch: str,
    config: CategoryConfig[SourceT],
    force: bool,
    work: Callable[[Engine, list[SourceT]], Awaitable[list[Outcome]]],
) -> Report:
    if not config.sources:
        return Report()
    async with (
        batch_progress(batch) as progress,
        open_engine(
            await locate(config),
            config.network,
            force=force,
            user_agent=f"airnub/{version('airnub-core')} ({config.package})",
            # A retry of this run is not a second run (`on_gone: withdraw` counts runs).
            run=flow_run.id,
            on_expected=progress.expect,
            on_outcome=progress.outcome,
        ) as engine,
    ):
        sources = config.sources
        if config.failed:
            left = await asyncio.to_thread(engine.retry_failed, [source.name for source in sources])
            sources = [source for source in sources if source.name in left]
        if not sources:
            return Report()
        names = [source.name for source in sources]
        await asyncio.to_thread(engine.index.begin_runs, Scope.SOURCE, names, engine.run)
        report = Report(await work(engine, sources))
        # Until this record, later stages treat these sources as incomplete, also after a killed run.
        await asyncio.to_thread(engine.index.end_runs, Scope.SOURCE, _failures(report, names), engine.run)
    emit_source_assets(config.package, report)
    return report


def _without_secret(source: ApiSource, secret: str) -> Outcome:
    remedy = (
        f"Create this block on the Prefect server, or set {variable_name(secret)} in the environment or .env; then "
        "run the ingestion again"
    )
    error = MissingSecretError(source.url, secret, remedy)
    return Outcome(source.name, Status.FAILED, url=error.url, error=error)


def _failures(report: Report, names: Sequence[str]) -> dict[str, list[Failure]]:
    """The failures of each source, as the index records them."""
    failures: dict[str, list[Failure]] = {name: [] for name in names}
    for outcome in report.failed:
        failures.setdefault(outcome.source, []).append(Failure(outcome.url, str(outcome.error)))
    return failures
