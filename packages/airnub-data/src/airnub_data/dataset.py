"""Dataset declaration: sources or inputs, schema, checks and storage of one dataset."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import cached_property
from typing import Any

import polars as pl

from airnub_core.contracts.contract import ContractSchema, versioned
from airnub_core.contracts.limits import SHORTEST_RETENTION, DatasetLimits
from airnub_core.errors import DatasetError
from airnub_data.checks import Check, Fresh
from airnub_data.columns import INTERNAL, OBJECT, RECORD, Schema, stored_type, type_name
from airnub_data.contract_checks import published_checks, published_values
from airnub_data.drift import ON_NEW_COLUMN, OnNewColumn
from airnub_data.limits import Limits, check_limit
from airnub_data.lineage import PublishedName, input_name, input_problem, making_order, published_name
from airnub_data.partitioning import Partitioning
from airnub_data.readers import Csv, Function, JsonLines, Reader

RETENTION = timedelta(days=30)
"""Default retention of table versions; a declaration or settings override it."""
Derive = Callable[[pl.DataFrame], pl.DataFrame]
Transform = Callable[..., pl.LazyFrame]
"""Takes one `polars.LazyFrame` per input, in the order of `inputs`, and returns the rows of the dataset."""


@dataclass(frozen=True, kw_only=True)
class Dataset:
    """Declaration of one dataset: everything that determines its content.

    >>> import polars as pl
    >>> from airnub_data import Column, Csv, Dataset, Month
    >>> orders = Dataset(
    ...     name="orders",
    ...     source="shop_orders",
    ...     reader=Csv(),
    ...     columns={"id": Column(pl.Int64), "ordered_at": Column(pl.Datetime("us", "UTC"))},
    ...     key=("id",),
    ...     partition_by=Month("ordered_at"),
    ... )
    >>> orders.stem
    'orders'
    """

    name: str
    source: str | tuple[str, ...] = ()
    """Ingestion source, or several, whose current objects contain the rows."""
    reader: Reader | Callable[[bytes], pl.DataFrame] | None = None
    """`Csv()`, `Json()`, `JsonLines()`, `Excel()`, `Parquet()`, `Zip(Csv())`, or a function that takes an object's
    bytes."""
    inputs: tuple["Dataset | str", ...] = ()
    """Datasets that the rows are made from, instead of `source` and `reader`: a dataset of the same department as its
    declaration, a published one as `"department/name"`."""
    transform: Transform | None = None
    """Function from the rows of the inputs, in the order of `inputs`, to the rows of this dataset with its `columns`.
    It returns a lazy query, which polars executes in streaming mode."""
    columns: Schema
    key: tuple[str, ...] = ()
    """Upsert key: of rows with the same key one is kept. Without a key all rows are kept. In a dataset with `inputs`,
    two rows with the same key are an error."""
    latest: str | None = None
    """Column that decides between rows with the same key: the largest value wins, and null loses. Without it, and
    between equal values, the row of the object that became current last wins, then the larger digest, then the later
    record."""
    partition_by: Partitioning | None = None
    derive: Derive | None = None
    """Function from typed rows to typed rows, which may add the columns of `derived` and drop rows."""
    derived: Schema = field(default_factory=dict)
    """Columns that `derive` adds."""
    version: int = 1
    """Version of the published contract. A new version has its own table and is published alongside the previous one
    until all readers have migrated."""
    max_quarantined: int | str = "10%"
    """Maximum number of quarantined rows, or share of the rows read; above it nothing is committed."""
    max_shrink: int | str = "50%"
    """Maximum number of rows, or share of the previous version's rows, that a commit may remove."""
    checks: tuple[Check, ...] = ()
    """Checks that run before each commit, created by the functions of `airnub_data.checks`."""
    on_new_column: OnNewColumn = "warn"
    """What happens if files have columns that are not declared: `warn` adds a warning, `fail` blocks the commit,
    `ignore` does nothing."""
    requires_complete: bool = False
    """Whether the dataset is skipped, with a warning, while the last run of one of `all_sources` has failed items or
    has not ended, or while one of its inputs failed or was skipped. By default the dataset is made from what exists."""
    retention: timedelta = RETENTION
    """How long previous versions stay readable; at least one day."""
    parquet_copy: bool = True
    """Whether `<name>.parquet` is written as well, for readers that open a file by its path."""

    def __post_init__(self) -> None:
        """Validate the declaration.

        Raises:
            DatasetError: the declaration is invalid, for example because it names an undeclared column or a reserved
                one.
        """
        if (reason := self._origin_problem()) is not None:
            raise DatasetError(self.name, reason)
        declared = self.schema
        for what, names in (
            ("key", self.key),
            ("latest", (self.latest,) if self.latest else ()),
            ("partition_by", self.partition_by.columns if self.partition_by else ()),
        ):
            for name in names:
                if name not in declared:
                    raise DatasetError(
                        self.name, f"expected a declared column as {what}, found {name!r}; declared are "
                        f"{', '.join(declared)}"
                    )  # fmt: skip
        if reserved := [name for name in declared if name in INTERNAL]:
            raise DatasetError(self.name, f"expected other names than {', '.join(INTERNAL)}, found {reserved[0]!r}")
        if self.derived and self.derive is None:
            raise DatasetError(self.name, "expected `derive` for the columns in `derived`, found none")
        if not self.columns:
            raise DatasetError(self.name, "expected at least one column, found none")
        if self.version < 1:
            raise DatasetError(self.name, f"expected a version from 1 on, found {self.version}")
        if self.retention < SHORTEST_RETENTION:
            raise DatasetError(self.name, f"expected a retention of at least a day, found {self.retention}")
        if self.on_new_column not in ON_NEW_COLUMN:
            expected = ", ".join(ON_NEW_COLUMN)
            raise DatasetError(self.name, f"expected one of {expected} as on_new_column, found {self.on_new_column!r}")
        check_limit(self.name, "max_quarantined", self.max_quarantined)
        check_limit(self.name, "max_shrink", self.max_shrink)
        self._check_checks()

    def _origin_problem(self) -> str | None:
        """Return why sources, reader, inputs and transform do not go together, or `None` if they do."""
        if not self.inputs and self.transform is None:
            if not self.sources:
                return "expected `source` and `reader`, or `inputs` and `transform`, found neither"
            return "expected a `reader` for the objects of its source, found none" if self.reader is None else None
        if not self.inputs:
            return "expected `inputs` with `transform`, the datasets that it reads, found none"
        contradictory = {
            "source": bool(self.source), "reader": self.reader is not None, "derive": self.derive is not None,
            "derived": bool(self.derived), "latest": self.latest is not None,
            "on_new_column": self.on_new_column != "warn",
        }  # fmt: skip
        if found := [name for name, given in contradictory.items() if given]:
            return (
                f"expected `inputs` and `transform` without {', '.join(found)}, which concern objects of a source; "
                "`transform` reads the inputs, adds columns and chooses rows by itself"
            )
        return input_problem(self.inputs, self.transform)

    def _check_checks(self) -> None:
        names = [check.name for check in self.checks]
        for check in self.checks:
            if (reason := check.problem(self.schema)) is not None:
                raise DatasetError(self.name, reason)
            if names.count(check.name) > 1:
                reason = f"expected names of checks to differ, found {check.name!r} twice; pass name= to one of them"
                raise DatasetError(self.name, reason)

    @property
    def stem(self) -> str:
        """Name of the table: `name`, with the suffix `.v<version>` from version 2 on."""
        return self.name if self.version == 1 else versioned(self.name, self.version)

    @property
    def sources(self) -> tuple[str, ...]:
        """Sources of the dataset as a tuple; empty for a dataset with `inputs`."""
        return (self.source,) if isinstance(self.source, str) else tuple(self.source)

    @property
    def all_sources(self) -> tuple[str, ...]:
        """Distinct sources of the dataset and of its inputs of the same department, direct and indirect."""
        of_inputs = (source for one in self.own_inputs for source in one.all_sources)
        return tuple(dict.fromkeys((*self.sources, *of_inputs)))

    @property
    def input_names(self) -> tuple[str, ...]:
        """Names of the inputs as in commits and messages."""
        return tuple(map(input_name, self.inputs))

    @property
    def own_inputs(self) -> tuple["Dataset", ...]:
        """Inputs that belong to the same department."""
        return tuple(given for given in self.inputs if not isinstance(given, str))

    @property
    def published_inputs(self) -> tuple[PublishedName, ...]:
        """Inputs that a department publishes."""
        return tuple(published_name(given) for given in self.inputs if isinstance(given, str))

    @property
    def _made_of(self) -> tuple[str, ...]:
        """Distinct published inputs of the dataset and of its inputs of the same department, direct and indirect."""
        given = (name for one in self.inputs for name in ((one,) if isinstance(one, str) else one._made_of))
        return tuple(dict.fromkeys(given))

    @cached_property
    def schema(self) -> Schema:
        """Columns of the published table: `columns`, then `derived`."""
        return {**self.columns, **self.derived}

    @cached_property
    def read_by(self) -> Reader:
        """The reader of the objects; a function is wrapped in `Function`. Undefined for a dataset with `inputs`."""
        reader = self.reader
        assert reader is not None, "a dataset with inputs reads no objects"
        if isinstance(reader, Csv | JsonLines | Function) or hasattr(reader, "read"):
            return reader  # type: ignore[return-value]
        return Function(reader)

    @property
    def moves_keys(self) -> bool:
        """Whether rows with the same key may be in different partitions."""
        return bool(self.key) and self.partition_by is not None and not set(self.partition_by.columns) <= set(self.key)

    @cached_property
    def table_schema(self) -> pl.Schema:
        """Schema of the Delta table: stored types, with the internal columns."""
        return pl.Schema(
            {name: stored_type(column.dtype) for name, column in self.schema.items()}
            | {OBJECT: pl.String, RECORD: pl.Int64}
        )

    @property
    def limits(self) -> Limits:
        """Limits of a commit on quarantined and removed rows."""
        return Limits(self.max_quarantined, self.max_shrink)

    def with_limits(self, limits: DatasetLimits) -> "Dataset":
        """Return a copy with the limits that settings override.

        The limits are not part of the code digest, so no rows are made again.
        """
        given: dict[str, Any] = {
            name: value
            for name in DatasetLimits.model_fields
            if name in self.__dataclass_fields__ and name != "checks" and (value := getattr(limits, name)) is not None
        }
        checks = self.checks
        if limits.fresh_within is not None:
            checks = tuple(
                replace(check, within=limits.fresh_within) if isinstance(check, Fresh) else check for check in checks
            )
        if limits.checks is not None:
            checks = tuple(replace(check, on_fail=limits.checks.get(check.name, check.on_fail)) for check in checks)
        return replace(self, **given, checks=checks)

    def published(self) -> ContractSchema:
        """Return the contract schema that the code guarantees: rows that violate it are never in the table."""
        fields = {name: (type_name(column.dtype), column.nullable) for name, column in self.schema.items()}
        return ContractSchema(
            "dataset",
            self.name,
            self.version,
            fields,
            self.key,
            values=published_values(self.schema),
            checks=published_checks(self.checks),
            partitioned_by=self.partition_by.columns if self.partition_by else (),
            made_of=self._made_of,
        )


def by_name(*datasets: Dataset) -> Mapping[str, Dataset]:
    """Index datasets by table name; inputs come before the datasets that use them, otherwise the order is kept.

    Raises:
        DatasetError: an input of the same department is missing from the arguments.
    """
    return {dataset.stem: dataset for dataset in making_order(datasets)}
