"""Dataset declaration: the sources or inputs of its rows, their schema and checks, and how they are stored."""

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
"""How long versions can be read again, unless a declaration or settings say another time."""
Derive = Callable[[pl.DataFrame], pl.DataFrame]
Transform = Callable[..., pl.LazyFrame]
"""Of as many `polars.LazyFrame` as there are inputs, in their order."""


@dataclass(frozen=True, kw_only=True)
class Dataset:
    """One dataset; everything that decides what is in it stands here.

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
    """The source of ingestion whose current objects hold the rows, or several."""
    reader: Reader | Callable[[bytes], pl.DataFrame] | None = None
    """`Csv()`, `Json()`, `JsonLines()`, `Excel()`, `Parquet()`, `Zip(Csv())`, or a function over an object's bytes."""
    inputs: tuple["Dataset | str", ...] = ()
    """Instead of a source and a reader: the datasets that the rows are made of. One of the same department is given as
    its declaration, one that a department publishes as `"department/name"`."""
    transform: Transform | None = None
    """The rows of each input in, in the order of `inputs`; the rows of this dataset out, with its `columns`. Lazy:
    polars reads what is needed, in parts."""
    columns: Schema
    key: tuple[str, ...] = ()
    """Columns that tell rows apart; of rows with the same key one is kept. Without a key every row is. Of a dataset
    with `inputs`, two rows with the same key are an error."""
    latest: str | None = None
    """Of rows with the same key the one with the largest value here is kept; null loses against a value. Without it,
    and of equal values, the row whose object became current last; then the larger digest, then the later record."""
    partition_by: Partitioning | None = None
    derive: Derive | None = None
    """Typed rows in, typed rows out: with the columns that it adds, or with fewer rows."""
    derived: Schema = field(default_factory=dict)
    """The columns that `derive` adds."""
    version: int = 1
    """Of what is published; the second stands beside the first until its last reader has moved."""
    max_quarantined: int | str = "10%"
    """Rows in quarantine, or a share of the rows read, above which nothing is committed."""
    max_shrink: int | str = "50%"
    """Rows, or a share of them, that a commit may remove."""
    checks: tuple[Check, ...] = ()
    """What must hold before a version is committed, as the functions of `airnub_data.checks` make them."""
    on_new_column: OnNewColumn = "warn"
    """Of columns that files have and the declaration has not: `warn` reports them, `fail` commits nothing."""
    requires_complete: bool = False
    """Whether it is skipped, with a warning, while the last run of one of `all_sources` has failed items or has not
    ended, or while one of its inputs failed or was skipped. Without it, the dataset is made of what is there."""
    retention: timedelta = RETENTION
    """How long versions can be read again."""
    parquet_copy: bool = True
    """Whether `<name>.parquet` is written as well, for readers that take it by its path."""

    def __post_init__(self) -> None:
        """Every mistake of a declaration is an error when it is made, not when it runs.

        Raises:
            DatasetError: names of columns that are not declared, or that are ours.
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
        """What is wrong with where the rows come from, `None` where nothing is."""
        if not self.inputs and self.transform is None:
            if not self.sources:
                return "expected `source` and `reader`, or `inputs` and `transform`, found neither"
            return "expected a `reader` for the objects of its source, found none" if self.reader is None else None
        if not self.inputs:
            return "expected `inputs` with `transform`: the datasets that it makes the rows of, found none"
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
        """The name of its table: the dataset's, and from the second version on with the version."""
        return self.name if self.version == 1 else versioned(self.name, self.version)

    @property
    def sources(self) -> tuple[str, ...]:
        """The sources, one or several; none of a dataset with `inputs`."""
        return (self.source,) if isinstance(self.source, str) else tuple(self.source)

    @property
    def all_sources(self) -> tuple[str, ...]:
        """Its sources and those of its inputs of the same department, each once."""
        of_inputs = (source for one in self.own_inputs for source in one.all_sources)
        return tuple(dict.fromkeys((*self.sources, *of_inputs)))

    @property
    def input_names(self) -> tuple[str, ...]:
        """The names of its inputs, as commits and messages have them."""
        return tuple(map(input_name, self.inputs))

    @property
    def own_inputs(self) -> tuple["Dataset", ...]:
        """Those of its inputs that are of the same department."""
        return tuple(given for given in self.inputs if not isinstance(given, str))

    @property
    def published_inputs(self) -> tuple[PublishedName, ...]:
        """Those that a department publishes."""
        return tuple(published_name(given) for given in self.inputs if isinstance(given, str))

    @property
    def _made_of(self) -> tuple[str, ...]:
        """Its published inputs and those of its inputs of the same department, each once."""
        given = (name for one in self.inputs for name in ((one,) if isinstance(one, str) else one._made_of))
        return tuple(dict.fromkeys(given))

    @cached_property
    def schema(self) -> Schema:
        """Every column of the table that is published, derived ones behind the others."""
        return {**self.columns, **self.derived}

    @cached_property
    def read_by(self) -> Reader:
        """The reader, made of a function where it is one; a dataset with `inputs` has none."""
        reader = self.reader
        assert reader is not None, "a dataset with inputs reads no objects"
        if isinstance(reader, Csv | JsonLines | Function) or hasattr(reader, "read"):
            return reader  # type: ignore[return-value]
        return Function(reader)

    @property
    def moves_keys(self) -> bool:
        """Whether two rows of one key may be in different partitions."""
        return bool(self.key) and self.partition_by is not None and not set(self.partition_by.columns) <= set(self.key)

    @cached_property
    def table_schema(self) -> pl.Schema:
        """The columns of the table, with the internal ones, as Delta stores them."""
        return pl.Schema(
            {name: stored_type(column.dtype) for name, column in self.schema.items()}
            | {OBJECT: pl.String, RECORD: pl.Int64}
        )

    @property
    def limits(self) -> Limits:
        """What a commit may quarantine and remove."""
        return Limits(self.max_quarantined, self.max_shrink)

    def with_limits(self, limits: DatasetLimits) -> "Dataset":
        """The same dataset, with what settings say of it instead of its declaration; nothing of it is made again."""
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
        """What others can read: no row that is different reaches the table."""
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
    """Datasets by the names of their tables, each behind its inputs, otherwise in their order.

    Raises:
        DatasetError: an input of one is not among them.
    """
    return {dataset.stem: dataset for dataset in making_order(datasets)}
