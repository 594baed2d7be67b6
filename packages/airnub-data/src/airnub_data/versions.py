"""Versions: history of a dataset, rollback to an earlier version, release, and vacuum."""

import shutil
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from airnub_core.contracts.limits import SHORTEST_RETENTION
from airnub_core.errors import DatasetError, StoreError
from airnub_data.dataset import RETENTION
from airnub_data.location import Location
from airnub_data.quarantine import quarantine_name
from airnub_data.record import FOLDER, Record, Run
from airnub_data.scan import open_table
from airnub_data.table import Commit, Table


def history(location: Location, name: str) -> list[Commit]:
    """List the versions of a dataset, newest first, as far as its log reaches.

    Raises:
        DatasetError: the dataset does not exist.
        StoreError: the table cannot be read.
    """
    return list(open_table(location, name).history())


def rollback(location: Location, name: str, version: int) -> int:
    """Restore an earlier version as a new version. Runs skip the dataset until `release`.

    Returns:
        The new version.

    Raises:
        DatasetError: the dataset does not exist, or the version is the current one or is no longer kept.
        ConflictError: a run committed at the same time.
        StoreError: the commit cannot be written.
    """
    table = open_table(location, name)
    if version == table.version:
        raise DatasetError(name, f"expected a version before the current one, which is {version}; nothing was changed")
    target = open_table(location, name, version)
    if missing := [path for path in target.files() if not location.has(f"{name}/{path}")]:
        reason = f"expected the files of version {version}, found {len(missing)} of them gone; `dataset history` lists"
        raise DatasetError(name, f"{reason} what is kept")
    made = Record.last(target) or Record(rows=sum(file.rows for file in target.files().values()))
    # The record of the restored version: after `release` a run compares with it and reads only what changed since.
    record = replace(made, run=Run(), seconds=0.0, accepted=False, held=True, restored=version)
    return table.restore(version, record.as_json())


def release(location: Location, name: str) -> int:
    """Let runs make a rolled back dataset again; its rows stay until the next run.

    Returns:
        The current version: a new one if the dataset was held.

    Raises:
        DatasetError: the dataset does not exist.
        ConflictError: another writer committed at the same time.
        StoreError: the commit cannot be written.
    """
    table = open_table(location, name)
    last = Record.last(table)
    if last is None or not last.held:
        return table.version
    return table.commit([], [], table.schema, replace(last, held=False).as_json())


def vacuum(location: Location, name: str, retention: timedelta = RETENTION, *, dry_run: bool = False) -> list[str]:
    """Remove files that belong to no version within the retention, and files that killed runs left.

    Args:
        location: location of the datasets.
        name: name of the table.
        retention: how long previous versions stay readable.
        dry_run: only list the files.

    Returns:
        Removed paths, or those that would be removed, relative to the location; files in a local folder beside a bucket
        with their full path.

    Raises:
        DatasetError: the dataset does not exist, or the retention is shorter than a day or than the longest run.
        StoreError: a file cannot be removed.
    """
    table = open_table(location, name)
    commits = list(table.history())
    longest = max((timedelta(seconds=Record.parse(commit.record).seconds) for commit in commits), default=timedelta())
    shortest = max(SHORTEST_RETENTION, longest)
    if retention < shortest:
        reason = f"expected a retention of at least {shortest}, for runs that have not committed yet, found {retention}"
        raise DatasetError(name, reason)
    hours = -(-int(retention.total_seconds()) // 3600)
    removed = [f"{name}/{path}" for path in table.vacuum(hours, dry_run=dry_run)]
    kept = {f"{name}/{record}" for commit in commits if (record := Record.parse(commit.record).sidecar)}
    kept |= {f"{path.removesuffix('.parquet')}.moved.parquet" for path in kept}
    # A run writes its list of objects before its commit, and may have committed since the history was read.
    before = datetime.now(UTC) - shortest
    lists = [path for path in location.listed(f"{name}/{FOLDER}", before=before) if path not in kept]
    if not dry_run:
        for path in lists:
            location.remove(path)
    removed += lists
    quarantine = Table.open(location, quarantine_name(name))
    if quarantine is not None:
        removed += [f"{quarantine.name}/{path}" for path in quarantine.vacuum(hours, dry_run=dry_run)]
    # Delta's vacuum ignores names that begin with a dot.
    for file in (*location.unfinished(name, before), *location.unfinished(quarantine_name(name), before)):
        if isinstance(location.root, Path) and file.is_relative_to(location.root):
            removed.append(file.relative_to(location.root).as_posix())
        else:
            removed.append(str(file))
        if not dry_run:
            _remove(file)
    return sorted(removed)


def _remove(path: Path) -> None:
    try:
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
    except OSError as error:
        raise StoreError.of(error, path) from error
