"""Sources and datasets as Prefect assets, from which Prefect Cloud draws the lineage graph.

    airnub://<department>/sources/<source>      objects that an ingestion stored
    airnub://<department>/datasets/<dataset>    the table of a dataset

The events are those of Prefect's `@materialize`: `prefect.asset.materialization.succeeded` or `.failed` of the asset,
with its upstream assets as related resources, and `prefect.asset.referenced` of each upstream asset. The open-source
server only records them.
"""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from prefect.assets import Asset, AssetProperties
from prefect.context import AssetContext
from prefect.states import Completed, Failed

from airnub_core import Outcome, Report, Status
from airnub_core.contracts.contract import versioned

if TYPE_CHECKING:
    from airnub_data import Dataset

_BY = "airnub"
"""The `materialized_by` of the events."""


def source_asset(department: str, source: str) -> Asset:
    """The asset of a source; for `asset_deps` of tasks that read its objects.

    >>> source_asset("project_alpha", "noaa_daily_weather")
    Asset(key='airnub://project_alpha/sources/noaa_daily_weather')
    """
    return _asset(department, "sources", source)


def dataset_asset(department: str, dataset: str) -> Asset:
    """The asset of a dataset, by the name of its table; for `asset_deps` of tasks that read it.

    >>> dataset_asset("crm", "customers.v2")
    Asset(key='airnub://crm/datasets/customers.v2')
    """
    return _asset(department, "datasets", dataset)


def emit_dataset_asset(department: str, dataset: "Dataset", outcome: Outcome) -> None:
    """Send the events of a new version of a dataset, or of its failure; none if it is unchanged or skipped."""
    if outcome.kind in {Status.UNCHANGED, Status.SKIPPED}:
        return
    upstream = [source_asset(department, source) for source in dataset.sources]
    upstream += [dataset_asset(department, given.stem) for given in dataset.own_inputs]
    upstream += [
        dataset_asset(given.department, versioned(given.name, given.version) if given.version else given.name)
        for given in dataset.published_inputs
    ]
    metadata = {
        "version": outcome.version,
        "rows": outcome.rows,
        "rows_read": outcome.rows_read,
        "quarantined": outcome.quarantined,
        "superseded": outcome.superseded,
        "size": outcome.size,
        "objects": outcome.objects,
        "inputs": dict(outcome.inputs),
    }
    _emit(dataset_asset(department, dataset.stem), upstream, metadata, outcome)


def emit_source_assets(department: str, report: Report) -> None:
    """Send the events of each source that stored something new, or of which every item failed."""
    by_source: dict[str, list[Outcome]] = {}
    for outcome in report.outcomes:
        by_source.setdefault(outcome.source, []).append(outcome)
    for source, outcomes in by_source.items():
        of_source = Report(outcomes)
        new = of_source.counts[Status.STORED] + of_source.counts[Status.UPDATED]
        if new or len(of_source.failed) == len(outcomes):
            first = None if new else of_source.failed[0]
            _emit(source_asset(department, source), (), {**of_source.counts, "bytes": of_source.new_bytes}, first)


def _asset(department: str, kind: str, name: str) -> Asset:
    return Asset(key=f"airnub://{department}/{kind}/{name}", properties=AssetProperties(name=f"{department}/{name}"))


def _emit(asset: Asset, upstream: Iterable[Asset], metadata: Mapping[str, Any], outcome: Outcome | None) -> None:
    found = {name: value for name, value in metadata.items() if value not in (None, {})}
    error = None if outcome is None else outcome.error
    if error is not None:
        found["error"] = error.as_json()
    AssetContext(
        downstream_assets={asset},
        direct_asset_dependencies=set(upstream),
        materialized_by=_BY,
        materialization_metadata={asset.key: found},
    ).emit_events(Completed() if error is None else Failed())
