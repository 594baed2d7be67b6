"""A contract as a document of the Open Data Contract Standard (ODCS).

https://bitol-io.github.io/open-data-contract-standard/: version 3.1.0, the first with times as a logical type and with
names of teams. What the standard cannot express is a check of the engine `airnub`, or a custom property.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

from airnub_cli.configuration.environment import Environment, environments, read_environment
from airnub_cli.configuration.registry import Registry
from airnub_cli.data_contracts.publications import ContractVersion
from airnub_common import redact_text
from airnub_core.contracts.checks import (
    ExpressionCheck,
    FreshCheck,
    FunctionCheck,
    PublishedCheck,
    ReferenceCheck,
    RowCountChangeCheck,
    RowCountCheck,
    UniqueCheck,
)
from airnub_core.contracts.contract import Contract, PublishedField
from airnub_core.contracts.field_types import Decimal, FieldTree, ListOf, Simple, Struct, parse_field_type
from airnub_core.contracts.limits import within_text
from airnub_core.store.location import bucket_url
from airnub_prefect.errors import ConfigurationError
from airnub_prefect.yaml_file import read_yaml

API_VERSION = "v3.1.0"

_ENGINE = "airnub"
_SEVERITY = {"block": "error", "warn": "warning"}
# Logical type, its options, and what Delta Lake stores (airnub_data.columns.stored_type):
# https://github.com/delta-io/delta/blob/master/PROTOCOL.md#primitive-types
_UTC = {"timezone": True, "defaultTimezone": "UTC"}
_WORDS: Mapping[str, tuple[str, dict[str, Any], str]] = {
    "string": ("string", {}, "string"),
    "boolean": ("boolean", {}, "boolean"),
    "date": ("date", {}, "date"),
    "datetime_ms": ("timestamp", _UTC, "timestamp"),
    "datetime_us": ("timestamp", _UTC, "timestamp"),
    "datetime_ns": ("timestamp", _UTC, "timestamp"),
    "float32": ("number", {"format": "f32"}, "float"),
    "float64": ("number", {"format": "f64"}, "double"),
    "int8": ("integer", {"format": "i8"}, "byte"),
    "int16": ("integer", {"format": "i16"}, "short"),
    "int32": ("integer", {"format": "i32"}, "integer"),
    "int64": ("integer", {"format": "i64"}, "long"),
    "uint8": ("integer", {"format": "u8"}, "short"),
    "uint16": ("integer", {"format": "u16"}, "integer"),
    "uint32": ("integer", {"format": "u32"}, "long"),
    "uint64": ("integer", {"format": "u64"}, "decimal(20,0)"),
}


def odcs_document(
    version: ContractVersion, registry: Registry, servers: Sequence[Mapping[str, Any]] = ()
) -> dict[str, Any]:
    """Convert a contract to the standard.

    Args:
        version: the contract with the schema of its code, which has omitted values and the partitioning.
        registry: of departments, for owner and contacts.
        servers: locations of the dataset, in the form of the standard.

    Raises:
        ValueError: the file of the contract has mistakes.
    """
    promises = version.promises
    if promises is None:
        raise ValueError(f"expected a contract without a mistake in {version.file.path}")
    department = version.member.folder.name
    owner = registry.named(department)
    document: dict[str, Any] = {
        "apiVersion": API_VERSION,
        "kind": "DataContract",
        "id": f"{department}.{version.name}.v{version.number}",
        "name": version.name,
        "version": str(version.number),
        "status": "active" if owner is None else owner.status,
        "domain": department,
    }
    if registry.organisation is not None:
        document["tenant"] = registry.organisation
    document["description"] = {"purpose": promises.description}
    if servers:
        document["servers"] = [dict(one) for one in servers]
    document["schema"] = [_schema_object(version, promises)]
    if sla := [
        _freshness(version, check) for check in (promises.checks or {}).values() if isinstance(check, FreshCheck)
    ]:
        document["slaProperties"] = sla
    if owner is not None:
        document["team"] = {"name": owner.owner, "description": f"Owner of {owner.display_name}"}
        document["support"] = [_contact(contact) for contact in owner.contacts]
    return document


def physical_type(name: str) -> str:
    """The Delta Lake type of a contract type.

    >>> physical_type("list(uint16)")
    'array<integer>'
    """
    return str(_typed(parse_field_type(name), event=False)["physicalType"])


def _contact(contact: str) -> dict[str, str]:
    is_address = "@" in contact and " " not in contact
    return {"channel": contact, **({"tool": "email", "url": f"mailto:{contact}"} if is_address else {})}


def _schema_object(version: ContractVersion, promises: Contract) -> dict[str, Any]:
    department, event = version.member.folder.name, promises.kind == "event"
    checks = promises.checks or {}
    schema: dict[str, Any] = {
        "name": version.name,
        "logicalType": "object",
        "physicalName": f"airnub.{department}.{version.name}.v{version.number}" if event else version.stem,
        "physicalType": "event" if event else "table",
        "description": promises.description,
    }
    if promises.key:
        schema["dataGranularityDescription"] = f"At most one row for each {', '.join(promises.key)}"
    schema["properties"] = [_property(version, promises, name) for name in promises.fields]
    if quality := [_quality(name, check) for name, check in checks.items() if _column_of(check) not in promises.fields]:
        schema["quality"] = quality
    return schema


def _property(version: ContractVersion, promises: Contract, name: str) -> dict[str, Any]:
    field = promises.fields[name]
    of_field = {key: check for key, check in (promises.checks or {}).items() if _column_of(check) == name}
    partitioned_by = version.made.partitioned_by if version.made is not None else ()
    found: dict[str, Any] = {"name": name, **_typed(parse_field_type(field.type), event=promises.kind == "event")}
    if limits := {one: value for one in ("minimum", "maximum") if (value := getattr(field, one)) is not None}:
        found["logicalTypeOptions"] = {**found.get("logicalTypeOptions", {}), **limits}
    found["required"] = not field.nullable
    if any(isinstance(one, UniqueCheck) and _is_standard(one) and one.on_fail == "block" for one in of_field.values()):
        found["unique"] = True
    if name in promises.key:
        found |= {"primaryKey": True, "primaryKeyPosition": promises.key.index(name) + 1}
    if name in partitioned_by:
        found |= {"partitioned": True, "partitionKeyPosition": partitioned_by.index(name) + 1}
    if field.description:
        found["description"] = field.description
    if field.unit is not None:
        found["customProperties"] = [{"property": "unit", "value": field.unit}]
    if quality := [*_accepted(name, field), *(_quality(key, check) for key, check in of_field.items())]:
        found["quality"] = quality
    return found


def _typed(kind: FieldTree, *, event: bool) -> dict[str, Any]:
    """Logical and physical type; the physical type of an event is JSON's."""
    match kind:
        case Simple(word):
            logical, options, physical = _WORDS[word]
            json = {"date": "string", "timestamp": "string"}.get(logical, logical)
            typed: dict[str, Any] = {"logicalType": logical, "physicalType": json if event else physical}
            return {**typed, "logicalTypeOptions": dict(options)} if options else typed
        case Decimal():
            return {"logicalType": "number", "physicalType": "string" if event else str(kind)}
        case ListOf(inner):
            items = _typed(inner, event=event)
            physical = "array" if event else f"array<{items['physicalType']}>"
            return {"logicalType": "array", "physicalType": physical, "items": items}
        case Struct(fields):
            properties = [{"name": name, **_typed(one, event=event)} for name, one in fields]
            within = ",".join(f"{one['name']}:{one['physicalType']}" for one in properties)
            physical = "object" if event else f"struct<{within}>"
            return {"logicalType": "object", "physicalType": physical, "properties": properties}


def _accepted(name: str, field: PublishedField) -> Iterator[dict[str, Any]]:
    if field.one_of is not None:
        yield {
            "type": "library",
            "metric": "invalidValues",
            "arguments": {"validValues": list(field.one_of)},
            "mustBe": 0,
            "unit": "rows",
            "dimension": "conformity",
            "severity": "error",
            "description": f"{name} is one of {', '.join(field.one_of)}; rows with a different value are quarantined",
        }


def _column_of(check: PublishedCheck) -> str | None:
    """The field of a check that uses exactly one; else `None`."""
    return check.columns_used[0] if len(check.columns_used) == 1 else None


def _is_standard(check: UniqueCheck) -> bool:
    """Whether the check covers all rows, as the metric of the standard does."""
    return check.over == "table"


def _quality(name: str, check: PublishedCheck) -> dict[str, Any]:
    rule, dimension, says = _rule(check)
    if rule is None:
        rule = {"type": "custom", "engine": _ENGINE, "implementation": check.as_data()}
    if getattr(check, "over", "table") == "touched":
        says = f"{says}, among the rows that a run adds"
    # Data of a published version becomes old by time alone.
    is_fresh = isinstance(check, FreshCheck)
    blocked = "a run that finds it older fails" if is_fresh else "a version that fails it is not published"
    effect = blocked if check.on_fail == "block" else "a failure is a warning"
    return {
        "name": name,
        **rule,
        "dimension": dimension,
        "severity": _SEVERITY[check.on_fail],
        "description": f"{says[0].upper()}{says[1:]}; {effect}",
    }


def _rule(check: PublishedCheck) -> tuple[dict[str, Any] | None, str, str]:
    """A check as a metric of the standard (`None` if it has none), its dimension, and its description."""
    match check:
        case UniqueCheck():
            says = f"Each {_listed(check.columns)} once"
            metric: dict[str, Any] = {"type": "library", "metric": "duplicateValues", "mustBe": 0, "unit": "rows"}
            if len(check.columns) > 1:
                metric["arguments"] = {"properties": list(check.columns)}
            return metric if _is_standard(check) else None, "uniqueness", says
        case RowCountCheck():
            return (
                {"type": "library", "metric": "rowCount", **_between(check), "unit": "rows"},
                "completeness",
                _rows(check),
            )
        case RowCountChangeCheck():
            bounds = ((check.max_shrink, "fewer"), (check.max_growth, "more"))
            within = " and ".join(f"at most {bound} {word}" for bound, word in bounds if bound is not None)
            return None, "consistency", f"{within} rows than the median of the last {check.versions} versions"
        case FreshCheck():
            return None, "timeliness", f"The newest {check.column} is not older than {within_text(check.within)}"
        case ReferenceCheck():
            there = _listed(tuple(check.pairs.values()))
            return None, "consistency", f"Each {_listed(check.columns)} is a {there} of {check.to}"
        case ExpressionCheck() | FunctionCheck():
            says = f"the {check.check} of this name in the department's code to be true"
            return None, "accuracy", f"expected {check.expected or says}"


def _between(check: RowCountCheck) -> dict[str, Any]:
    if check.minimum is None:
        return {"mustBeLessOrEqualTo": check.maximum}
    if check.maximum is None:
        return {"mustBeGreaterOrEqualTo": check.minimum}
    # The standard requires two different numbers.
    return (
        {"mustBe": check.minimum}
        if check.minimum == check.maximum
        else {"mustBeBetween": [check.minimum, check.maximum]}
    )


def _rows(check: RowCountCheck) -> str:
    bounds = ((check.minimum, "at least"), (check.maximum, "at most"))
    return f"{' and '.join(f'{word} {bound:,}' for bound, word in bounds if bound is not None)} rows"


def _freshness(version: ContractVersion, check: FreshCheck) -> dict[str, Any]:
    value, unit = _whole(check.within)
    return {
        "property": "freshness",
        "value": value,
        "unit": unit,
        "element": f"{version.name}.{check.column}",
        "driver": "operational",
        "description": f"The newest {check.column} is not older than {within_text(check.within)}",
    }


def _whole(within: timedelta) -> tuple[int, str]:
    minutes = int(within.total_seconds()) // 60
    if minutes % 60:
        return minutes, "min"
    return (minutes // 60, "h") if minutes % (24 * 60) else (minutes // (24 * 60), "d")


def _listed(names: tuple[str, ...]) -> str:
    return names[0] if len(names) == 1 else f"({', '.join(names)})"


_KEY = "datasets"
_TYPES = {"s3": "s3", "az": "azure"}
_BLOCKS = {"s3-bucket": ("bucket_name", "bucket_folder"), "remote-file-system": ("basepath",)}


def servers_of(root: Path, department: str, stem: str) -> list[dict[str, Any]]:
    """List the locations of a dataset; one entry if it is the same in all environments.

    Args:
        root: of the workspace.
        department: the folder of the publishing department.
        stem: the name of its table.

    Raises:
        ConfigurationError: the settings of its processing, or an environment, cannot be read.
    """
    path = root / "configs" / "variables" / department / "processing.yaml"
    if not path.is_file():
        return []
    settings = read_yaml(path)
    found: dict[str, dict[str, Any]] = {}
    for name in environments(root):
        environment = read_environment(root, name)
        says = environment.over(settings, "variables", department, "processing").value
        datasets = says.get(_KEY) if isinstance(says, Mapping) else None
        if datasets is not None:
            found[name] = _server(root, environment, datasets, stem)
    places = list(found.values())
    if places and all(one == places[0] for one in places):
        return [{"server": _KEY, **places[0]}]
    return [{"server": name, "environment": name, **one} for name, one in found.items()]


def _server(root: Path, environment: Environment, datasets: object, stem: str) -> dict[str, Any]:
    if isinstance(datasets, str) and "${" not in datasets and "://" not in datasets:
        described = "A Delta table" if Path(datasets).is_absolute() else "A Delta table, relative to the data root"
        path = f"{datasets.rstrip('/')}/{stem}"
        return {"type": "local", "path": path, "format": "delta", "description": described}
    block = datasets.get("block") if isinstance(datasets, Mapping) else None
    if isinstance(block, str):
        url = _bucket(root, environment, block)
        if url is None:
            return _unknown(stem, f"the bucket of the block {block}")
        scheme = url.partition("://")[0]
        location = {"location": f"{url}/{quote(stem)}", "format": "delta", "description": "A Delta table"}
        return {"type": _TYPES.get(scheme, "custom"), **location}
    # A URL is invalid here, and may contain a password.
    return _unknown(stem, redact_text(f"{datasets}"))


def _unknown(stem: str, where: str) -> dict[str, Any]:
    described = f"The Delta table {stem} in {where}, which files of this repository do not resolve"
    return {"type": "custom", "dataset": stem, "format": "delta", "description": described}


def _bucket(root: Path, environment: Environment, block: str) -> str | None:
    """The URL of a block's bucket; `None` if no file has the block, or its fields are placeholders."""
    from airnub_cli.apply.blocks import FOLDER, BlockFile  # imports Prefect, which is slow
    from airnub_cli.configuration.entry_files import Diagnostics, read_entries

    # Mistakes in the files of blocks are reported by `airnub check`.
    entries = [one.says for one in read_entries(BlockFile, root / FOLDER, environment, Diagnostics())]
    fields = next((one.fields for one in entries if one.identity == block), {})
    names = _BLOCKS.get(block.partition("/")[0], ())
    texts = [str(fields.get(name) or "").strip("/") for name in names]
    if not texts or not texts[0] or any("${" in text for text in texts):
        return None
    url = texts[0] if len(texts) == 1 else f"s3://{texts[0]}/{quote(texts[1])}"
    try:
        return bucket_url(url)
    except ValueError as error:
        raise ConfigurationError.of(f"the block {block}", str(error)) from error
