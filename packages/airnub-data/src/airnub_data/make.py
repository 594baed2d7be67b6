"""Make: bring a dataset up to date with the current objects of its sources, or with its inputs, in one commit.

    open the table → list current objects → compare (`up_to_date`) → stage new ones → write missing files → checks
    → commit the quarantine → write the list of objects → commit → Parquet copy
    with inputs: open the table → versions of the inputs → compare → transform their rows → write missing files → …

Readers see the old version until the last commit; the quarantine may be one version ahead. Each step is idempotent,
and the next run continues after a killed one at any step. Objects, and versions of inputs, are listed after the table
is opened: so the later of two writers has listed at least as many of them, or its commit conflicts and it lists them
again.
"""

import bisect
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import polars as pl

from airnub_core.errors import DatasetError, IngestError, StoreError
from airnub_core.outcome import CheckResult, Violation
from airnub_core.store.base import Store
from airnub_core.store.factory import open_store
from airnub_core.store.index import Index
from airnub_core.store.location import StoreLocation
from airnub_data import quarantine
from airnub_data.code import parts, stage_digest, table_digest
from airnub_data.columns import type_name
from airnub_data.dataset import Dataset
from airnub_data.drift import Drift, summarised
from airnub_data.evaluation import evaluate, evaluate_unchanged, freshness, require_passed
from airnub_data.input_versions import InputVersion, OpenInput, digest_of_versions, open_inputs
from airnub_data.inputs import InputObject, check_store, current_objects, digest_of_inputs
from airnub_data.keys import moved_keys
from airnub_data.limits import Limits, check_quarantined, check_shrink
from airnub_data.location import Location
from airnub_data.parquet_copy import refresh_copy, remove_copy
from airnub_data.partition_files import PartitionFile, described, staged_file, wanted_files, write_file
from airnub_data.partitioning import key_hash
from airnub_data.record import Record, Run, Sidecar
from airnub_data.stage import HASH, PART, Stage, StagedObject
from airnub_data.table import ConflictError, Table, TableFile, create
from airnub_data.transformed import transformed_rows
from airnub_data.up_to_date import compare, require_objects

_NEW_VERSION = "readers rely on it: declare the change as a new `version` beside this one"
_NAMED = 10
"""Maximum number of new columns in an error message."""
_ATTEMPTS = 50
"""Maximum number of attempts to commit; each conflict with a different writer takes one, and a further attempt is
cheap."""


@dataclass(frozen=True, slots=True)
class Made:
    """The result of making a dataset."""

    record: Record
    """Metadata of the current version's commit."""
    version: int
    """Current version of the table."""
    changed: bool
    """Whether this run committed different rows."""
    new: bool
    """Whether this run created the table."""
    held: bool = False
    """Whether the dataset was rolled back and is held until `release`."""
    violations: tuple[Violation, ...] = ()
    """Violated rules of quarantined rows, the one with the most rows first."""
    checks: tuple[CheckResult, ...] = ()
    """Results of the checks, in the order of the declaration; of an unchanged dataset only freshness is checked
    again."""
    drift: tuple[Drift, ...] = ()
    """Differences between current objects and the declaration."""


@dataclass(frozen=True, slots=True)
class _Content:
    """Content of a version that is about to be committed; its files are already in their final paths."""

    inputs: str
    """Digest of the objects or inputs."""
    added: Sequence[TableFile]
    kept: Sequence[TableFile]
    removed: Sequence[TableFile]
    read: int
    fit: int
    quarantined: int
    violations: tuple[Violation, ...]
    publish: Callable[[], int | None]
    """Publishes the quarantine and the other files beside the table, and returns the version of the quarantine."""
    drift: Sequence[Drift] = ()
    objects: int = 0
    sidecar: str = ""
    versions: Sequence[InputVersion] = ()


def make_dataset(
    dataset: Dataset,
    store: Path | StoreLocation | None,
    location: Location,
    *,
    published: Mapping[str, Location] | None = None,
    limits: Limits | None = None,
    accept: bool = False,
    parquet_copy: bool | None = None,
    run: Run | None = None,
    on_progress: Callable[[float], None] = lambda _share: None,
) -> Made:
    """Bring a dataset up to date with the current objects of its sources, or with the versions of its inputs.

    Args:
        dataset: declaration of the dataset.
        store: content store; `None` for a dataset with `inputs`.
        location: location of the datasets.
        published: locations of the datasets of other departments that are inputs, by department. Default: as resolved
            by `scan`.
        limits: limits that override those of the declaration.
        accept: commit even if limits are exceeded or checks fail; the commit records this.
        parquet_copy: whether to write `<dataset>.parquet` as well, overriding the declaration. If not, the copy that
            the previous release of airnub wrote is removed with the first commit.
        run: the run, as recorded in the commit.
        on_progress: called with the progress, 0 to 1: the first half is staging of objects, the second writing files.

    Returns:
        The current version; `changed` says whether this run committed different rows.

    Raises:
        DatasetError: the dataset cannot be made from its objects or inputs; the previous version stays current.
        LimitError: a limit is exceeded; the previous version stays current.
        CheckError: a blocking check failed, for an unchanged dataset one of freshness; the previous version stays
            current.
        StoreError: the store or the location cannot be read or written.
    """
    with _opened(dataset, store, location) as objects:
        for _ in range(_ATTEMPTS):
            making = _Making(dataset, objects, location, published, limits, accept, run or Run(), on_progress)
            try:
                made = making.made()
            except ConflictError:
                continue  # finished files are in place under their names, and are reused
            if dataset.parquet_copy if parquet_copy is None else parquet_copy:
                refresh_copy(location, dataset)
            elif made.new:
                remove_copy(location, dataset)
            return made
    raise StoreError(
        f"{location.name}/{dataset.stem}",
        f"expected to commit within {_ATTEMPTS} attempts, found a conflicting commit each time",
    )


@contextmanager
def _opened(
    dataset: Dataset, store: Path | StoreLocation | None, location: Location
) -> Iterator[tuple[Store, Index] | None]:
    """Open the content store of a dataset; `None` for a dataset with inputs."""
    if dataset.inputs:
        yield None
        return
    if store is None:
        raise DatasetError(dataset.stem, f"expected a content store with {', '.join(dataset.sources)}, found None")
    place = StoreLocation.at(store)
    check_store(dataset.stem, place)
    if location.is_within(place.objects):
        reason = f"expected datasets outside of the store {place.name}, found them in {location.name}: the store would"
        raise DatasetError(
            dataset.stem, f"{reason} treat every file in it as an object; change `datasets` in the settings"
        )
    with open_store(place) as objects:
        yield objects


class _Making:
    """One attempt to make and commit a version."""

    def __init__(
        self,
        dataset: Dataset,
        objects: tuple[Store, Index] | None,
        location: Location,
        published: Mapping[str, Location] | None,
        limits: Limits | None,
        accept: bool,
        run: Run,
        on_progress: Callable[[float], None],
    ) -> None:
        self._started = time.monotonic()
        self._dataset = dataset
        self._location = location
        self._published = published
        self._limits = limits or dataset.limits
        self._accept = accept
        self._run = run
        self._on_progress = on_progress
        self._parts = parts(dataset)
        self._stage_code = stage_digest(self._parts)
        self._code = table_digest(self._parts)
        self._accepted = False
        if objects is not None:
            self._store, self._index = objects
            self._stage = Stage(dataset, self._stage_code, self._store, location.stage / dataset.stem)

    def made(self) -> Made:
        table = Table.open(self._location, self._dataset.stem)
        last = None if table is None else Record.last(table)
        if table is not None and last is not None and last.held:
            return Made(last, table.version, changed=False, new=False, held=True)
        if table is not None:
            table.keep(self._dataset.retention)
        if self._dataset.inputs:
            opened = open_inputs(self._dataset, self._location, self._published)
            digest = digest_of_versions([one.version for one in opened])
            content = partial(self._of_inputs, table, opened, digest)
        else:
            inputs = self._inputs(table)
            digest = digest_of_inputs(inputs)
            content = partial(self._of_objects, table, last, inputs, digest)
        if table is not None and last is not None:
            found = compare(self._location, self._dataset.stem, last, self._parts, digest)
            if found.is_up_to_date:
                return self._unchanged(table, last, found.quarantine)
        if table is not None:
            _check_schema(self._dataset.stem, table.schema, self._dataset.table_schema)
        with content() as made:
            return self._committed(table, made)

    def _unchanged(self, table: Table, last: Record, quarantined: Table | None) -> Made:
        """Evaluate freshness of a dataset that is up to date, and report its new columns."""
        if quarantined is not None:
            quarantined.keep(self._dataset.retention)
        violations = quarantine.violations(quarantined.scan()) if quarantined is not None and last.quarantined else ()
        checks = evaluate_unchanged(self._dataset, table, last.checks)
        drift = tuple(map(Drift.parse, last.drift))
        if not self._accept:
            require_passed(
                self._dataset.stem, checks, among=freshness(self._dataset), quarantined=last.quarantined,
                violations=violations,
            )  # fmt: skip
            if not last.accepted:
                self._check_drift(drift)
        return Made(last, table.version, changed=False, new=False, violations=violations, checks=checks, drift=drift)

    def _inputs(self, table: Table | None) -> list[InputObject]:
        suffix = self._dataset.read_by.suffix
        inputs = current_objects(self._store, self._index, self._dataset.sources, suffix)
        require_objects(self._dataset, self._store.name, inputs, table)
        return inputs

    @contextmanager
    def _of_inputs(self, table: Table | None, opened: Sequence[OpenInput], digest: str) -> Iterator[_Content]:
        """Write the files of a version from the rows of the inputs."""
        with transformed_rows(
            self._dataset, self._location, [one.rows for one in opened], self._on_progress
        ) as transformed:
            bad, violations = transformed.quarantined, transformed.violations()
            self._limit_quarantined(bad, transformed.read, violations)
            transformed.require_keys()
            there = {} if table is None else table.files()
            files: dict[str, TableFile] = {}
            for file, path in transformed.files():
                files[file.path] = file
                if file.path not in there:
                    self._location.place(path, f"{self._dataset.stem}/{file.path}")
            yield _Content(
                inputs=digest,
                added=[file for path, file in files.items() if path not in there],
                kept=[file for path, file in there.items() if path in files],
                removed=[file for path, file in there.items() if path not in files],
                read=transformed.read,
                fit=transformed.fit,
                quarantined=bad,
                violations=violations,
                publish=lambda: quarantine.publish_transformed(
                    self._location, self._dataset.stem, transformed.quarantine(), self._dataset.retention
                ),
                versions=[one.version for one in opened],
            )

    @contextmanager
    def _of_objects(
        self, table: Table | None, last: Record | None, inputs: Sequence[InputObject], digest: str
    ) -> Iterator[_Content]:
        """Write the files of a version from the rows of the objects."""
        before = Sidecar.read(self._location, self._dataset.stem, last) if last is not None else Sidecar()
        staged = self._staged(inputs, last, before)
        drift = summarised((source.path, one.drift) for source, one in staged)
        self._is_beyond(partial(self._check_drift, drift))
        read = sum(one.rows_read for _, one in staged)
        bad = sum(one.quarantined for _, one in staged)
        violations = self._violations(staged) if bad else ()
        self._limit_quarantined(bad, read, violations)
        moved = self._moved(staged, last, before)
        wanted = {file.path: file for file in wanted_files(self._dataset, self._code, staged, moved, self._stage)}
        there = {} if table is None else table.files()
        added = self._written([file for path, file in wanted.items() if path not in there])
        removed = [file for path, file in there.items() if path not in wanted]
        kept = [file for path, file in there.items() if path in wanted]
        sidecar = Sidecar.name(self._code, digest)

        def publish() -> int | None:
            version = quarantine.publish(
                self._location, self._dataset.stem, self._stage_code, staged, self._stage, self._dataset.retention
            )
            Sidecar(tuple(staged), moved).write(self._location, self._dataset.stem, sidecar)
            return version

        yield _Content(
            inputs=digest,
            added=added,
            kept=kept,
            removed=removed,
            read=read,
            fit=sum(one.rows for _, one in staged),
            quarantined=bad,
            violations=violations,
            publish=publish,
            drift=drift,
            objects=len(inputs),
            sidecar=sidecar,
        )
        self._stage.prune({source.digest for source in inputs})

    def _limit_quarantined(self, bad: int, read: int, violations: Sequence[Violation]) -> None:
        self._is_beyond(partial(check_quarantined, self._dataset.stem, self._limits, bad, read, violations))

    def _committed(self, table: Table | None, made: _Content) -> Made:
        schema = self._dataset.table_schema
        files = [*made.added, *made.kept]
        rows = sum(file.rows for file in files)
        before = [*made.kept, *made.removed]
        rows_before = self._rows_of_copy() if table is None else sum(file.rows for file in before)
        of = (made.quarantined, made.violations)
        self._is_beyond(partial(check_shrink, self._dataset.stem, self._limits, rows_before, rows, *of))
        checks = evaluate(self._dataset, self._location, table, made.kept, made.added)
        passes = partial(require_passed, self._dataset.stem, checks, quarantined=of[0], violations=of[1])
        self._is_beyond(passes)
        quarantine_version = made.publish()
        record = Record(
            run=self._run,
            code=self._code,
            parts=self._parts,
            inputs=made.inputs,
            input_versions=[one.as_json() for one in made.versions],
            stage_code=self._stage_code,
            sidecar=made.sidecar,
            objects=made.objects,
            size=sum(file.size for file in files),
            rows_read=made.read,
            rows=rows,
            superseded=made.fit - rows,
            quarantined=made.quarantined,
            quarantine_version=quarantine_version,
            drift=[one.as_json() for one in made.drift],
            seconds=round(time.monotonic() - self._started, 3),
            checks=checks,
            accepted=self._accepted,
        )
        if table is None:
            version = create(
                self._location, self._dataset.stem, made.added, schema, record.as_json(), self._dataset.retention
            )
        else:
            version = table.commit(made.added, made.removed, schema, record.as_json())
        return Made(
            record, version, changed=bool(made.added or made.removed) or table is None, new=table is None,
            violations=made.violations, checks=checks, drift=tuple(made.drift),
        )  # fmt: skip

    def _is_beyond(self, check: Callable[[], None]) -> None:
        """Run a check of limits or results; if it fails and failures are accepted, record the acceptance.

        Raises:
            DatasetError: the check failed, and failures are not accepted.
        """
        try:
            check()
        except DatasetError:
            if not self._accept:
                raise
            self._accepted = True

    def _check_drift(self, drift: Sequence[Drift]) -> None:
        new = [str(one) for one in drift if one.kind == "new"]
        if new and self._dataset.on_new_column == "fail":
            raise DatasetError(
                self._dataset.stem,
                f"expected the declared columns alone (on_new_column='fail'), found {'; '.join(new[:_NAMED])}; nothing "
                "was committed; the previous version stays. Declare them, or accept them once: "
                f"run processing --accept {self._dataset.stem}",
            )

    def _staged(
        self, inputs: Sequence[InputObject], last: Record | None, before: Sidecar
    ) -> list[tuple[InputObject, StagedObject]]:
        """Return row counts and drift of each object, from the previous commit or by staging the object."""
        known: dict[str, StagedObject] = {}
        if last is not None and last.stage_code == self._stage_code:
            known = {source.digest: staged for source, staged in before.objects}
        found = []
        for done, source in enumerate(inputs, 1):
            found.append((source, known.get(source.digest) or self._stage.staged(source)))
            self._on_progress(done / len(inputs) / 2)
        return found

    def _moved(
        self, staged: Sequence[tuple[InputObject, StagedObject]], last: Record | None, before: Sidecar
    ) -> pl.DataFrame:
        """Find keys that are kept in a different partition, if possible only among changed objects."""
        if not self._dataset.moves_keys:
            return pl.DataFrame()
        files = [self._stage.files(source) for source, _ in staged]
        changed = changed_objects([source for source, _ in before.objects], [source for source, _ in staged])
        rows = {source.digest: one.rows for source, one in (*before.objects, *staged)}
        many = sum(rows[source.digest] for source in changed) * 4 > sum(one.rows for _, one in staged)
        if last is None or last.code != self._code or many:
            return moved_keys(self._dataset, files)
        try:
            paths = [path for source in changed for path in self._stage.files(source)]
        except IngestError:
            return moved_keys(self._dataset, files)  # a removed object that cannot be read any more
        if not paths:
            return before.moved
        hashes = pl.scan_parquet(paths).select(pl.col(HASH).unique()).collect().to_series()
        kept = before.moved
        if len(kept):
            kept = kept.filter(~key_hash(self._dataset.key).is_in(hashes.implode()))
        found = moved_keys(self._dataset, files, hashes)
        return pl.concat([kept, found]).sort(PART, *self._dataset.key) if len(kept) else found

    def _rows_of_copy(self) -> int:
        """Return the row count of the Parquet file that was the dataset in the previous release; 0 without one."""
        path = f"{self._dataset.stem}.parquet"
        if not self._location.has(path):
            return 0
        rows = pl.scan_parquet(self._location.uri(path), storage_options=self._location.options)
        return int(rows.select(pl.len()).collect().item())

    def _written(self, files: Sequence[PartitionFile]) -> list[TableFile]:
        added = []
        for done, file in enumerate(files, 1):
            path = f"{self._dataset.stem}/{file.path}"
            local = staged_file(file, self._stage)
            if local is not None:
                added.append(described(file.path, local))
                self._location.place(local, path, keep=True)
            else:
                target = self._location.temporary(self._dataset.stem)
                try:
                    write_file(self._dataset, file, self._stage, target)
                    added.append(described(file.path, target))
                    self._location.place(target, path)
                except OSError as error:
                    raise StoreError.of(error, path) from error
                finally:
                    target.unlink(missing_ok=True)
            self._on_progress(0.5 + done / len(files) / 2)
        return added

    def _violations(self, staged: Sequence[tuple[InputObject, StagedObject]]) -> tuple[Violation, ...]:
        rows = [self._stage.quarantine(source).lazy() for source, one in staged if one.quarantined]
        return quarantine.violations(pl.concat(rows)) if rows else ()


def changed_objects(then: Sequence[InputObject], now: Sequence[InputObject]) -> list[InputObject]:
    """Return objects that were added, removed or reordered; all others are in the same relative order as before."""
    place = {source.digest: position for position, source in enumerate(then)}
    common = [(place[source.digest], source) for source in now if source.digest in place]
    # The others are the longest increasing subsequence of their previous positions.
    tails: list[int] = []
    ends: list[int] = []
    for position, _ in common:
        at = bisect.bisect_left(tails, position)
        tails[at : at + 1] = [position]
        ends.append(at)
    same: set[str] = set()
    wanted = len(tails) - 1
    for (_, source), at in zip(reversed(common), reversed(ends), strict=True):
        if at == wanted:
            same.add(source.digest)
            wanted -= 1
    here = {source.digest for source in now}
    return [source for source in now if source.digest not in same] + [
        source for source in then if source.digest not in here
    ]


def _check_schema(dataset: str, before: pl.Schema, now: pl.Schema) -> None:
    for name, dtype in before.items():
        if name not in now:
            raise DatasetError(dataset, f"expected the column {name} of its table, found it gone; {_NEW_VERSION}")
        if now[name] != dtype:
            reason = f"expected {name} to stay {type_name(dtype)}, as in its table, found {type_name(now[name])}"
            raise DatasetError(dataset, f"{reason}; {_NEW_VERSION}")
