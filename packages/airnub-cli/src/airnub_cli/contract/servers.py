"""The location of a dataset in each environment, as ODCS `servers`; no secret is read."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

from airnub_cli.configuration.environment import Environment, environments, read_environment
from airnub_common import redact_text
from airnub_core.store.location import bucket_url
from airnub_prefect.errors import ConfigurationError
from airnub_prefect.yaml_file import read_yaml

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
