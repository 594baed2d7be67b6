"""The cleanup of a department as a flow, with a table of sizes and an event.

airnub.housekeeping.ended    of airnub.housekeeping.<department>    removed files, sizes, and disk usage
airnub.disk.filling          of airnub.disk.<machine>               a disk is fuller than 90 %
"""

import asyncio
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from prefect import get_run_logger

from airnub_prefect.artifacts import artifact_key, publish_table
from airnub_prefect.blocks import locate
from airnub_prefect.cleanup import Cleanup, clean_up
from airnub_prefect.datasets import locate_datasets
from airnub_prefect.disk import disk
from airnub_prefect.errors import HousekeepingFailedError
from airnub_prefect.events import HousekeepingEnded, emit_housekeeping_ended
from airnub_prefect.moved import MOVED
from airnub_prefect.settings import DatasetSettings, StageSettings, StoreSettings
from airnub_prefect.settings_resolution import resolve


async def clean_up_department(*kinds: type[StageSettings], dry_run: bool = False) -> Cleanup:
    """Remove expired files from the stores and datasets of a department, and report disk usage.

    Args:
        kinds: settings models of its stages; stages without a store or datasets are ignored.
        dry_run: remove nothing, and report the files that would be removed.

    Raises:
        HousekeepingFailedError: the cleanup failed in some places; all others were cleaned up and are reported.
        ConfigurationError: settings are missing or invalid; nothing was removed.
    """
    resolved: list[StageSettings] = [await resolve(kind, None) for kind in kinds]
    places = [await locate(one) for one in resolved if isinstance(one, StoreSettings)]
    making = next((one for one in resolved if isinstance(one, DatasetSettings)), None)
    datasets = None if making is None else (await locate_datasets(making), making.declared())
    result = await asyncio.to_thread(clean_up, places, datasets, dry_run=dry_run)
    department = kinds[0].department
    await publish_table(
        f"{artifact_key(department)}-housekeeping",
        table_rows(result),
        f"Disk usage of {department}, and files that {'would be' if dry_run else 'were'} removed",
    )
    emit_housekeeping_ended(
        HousekeepingEnded(
            department=department,
            dry_run=dry_run,
            removed_files=result.removed_files,
            removed_bytes=result.removed_size,
            bytes={f"{one.what} {one.place}": one.size for one in result.kept},
            disk_used={one.place: round(one.used, 4) for one in result.disks},
            failed=result.errors,
        )
    )
    # Alerts are limited by machine name, and the host name of a run's container differs in every run.
    machine = os.environ.get("AIRNUB_MACHINE") or f"runs of {department}"
    for one in result.disks:
        disk(Path(one.place), machine=machine)
    for place, error in result.errors.items():
        get_run_logger().error("%s: %s", place, error)
    if result.errors:
        raise HousekeepingFailedError(department, result.errors)
    return result


def table_rows(result: Cleanup) -> Sequence[dict[str, object]]:
    """A cleanup as table rows: one for each place, and one for each disk."""
    rows: list[dict[str, object]] = [
        {
            "what": one.what,
            "files": one.files,
            "bytes": one.size,
            "removed files": one.removed_files,
            "removed bytes": one.removed_size,
            # Last, since long paths would push the numbers out of the server's page.
            "place": one.place,
        }
        for one in result.kept
    ]
    rows += [
        {"what": f"free space (disk {one.used:.0%} used)", "bytes": one.free, "place": one.place}
        for one in result.disks
    ]
    return rows


def __getattr__(name: str) -> Any:
    return MOVED.renamed(__name__, name)
