"""Reads: what a department reads of others, field by field, in its `reads.yaml`; so whom a change breaks is known."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import Field, PositiveInt, field_validator

from airnub_core.contracts.checks import Strict
from airnub_core.contracts.contract import WithFields
from airnub_core.contracts.schema import versioned
from airnub_prefect.errors import ConfigurationError
from airnub_prefect.yaml_file import read_yaml

FILE = "reads.yaml"


class Read(WithFields):
    """What is read of one version: fields as its contract has them, but those alone that are used."""

    contract: Annotated[str, Field(pattern=r"^[^/]+/[^/]+$")]
    """`department/name`."""
    version: PositiveInt

    @property
    def department(self) -> str:
        """Who publishes it, by its folder."""
        return self.contract.partition("/")[0]

    @property
    def name(self) -> str:
        """What it is called there."""
        return self.contract.partition("/")[2]


class Reads(Strict):
    """All of a department."""

    reads: list[Read]

    @field_validator("reads")
    @classmethod
    def _are_different(cls, reads: list[Read]) -> list[Read]:
        names = [versioned(one.contract, one.version) for one in reads]
        if twice := sorted({one for one in names if names.count(one) > 1}):
            raise ValueError(f"expected each version once, found {', '.join(twice)} more than once")
        return reads


@dataclass(frozen=True, slots=True)
class ReadsFile:
    """Where somebody reads something."""

    department: str
    """Its folder."""
    contract: str
    """`department/name` of what is read."""
    version: object
    path: Path
    line: int | None


def readers(root: Path, department: str) -> Iterator[ReadsFile]:
    """Everybody who reads something of a department, also where the rest of their file is wrong.

    Args:
        root: of the workspace.
        department: the folder of the one that publishes.
    """
    for path in sorted(root.glob(f"departments/*/{FILE}")):
        # Reading YAML takes its time, and most have nothing to do with this one.
        if f"{department}/" not in path.read_text(encoding="utf-8", errors="replace"):
            continue
        try:
            file = read_yaml(path)
        except ConfigurationError:
            continue
        entries = file.value.get("reads") if isinstance(file.value, dict) else None
        for index, one in enumerate(entries if isinstance(entries, list) else []):
            contract = one.get("contract") if isinstance(one, dict) else None
            if isinstance(contract, str) and contract.startswith(f"{department}/"):
                line = file.line(("reads", index, "contract"))
                yield ReadsFile(path.parent.name, contract, one.get("version"), path, line)
