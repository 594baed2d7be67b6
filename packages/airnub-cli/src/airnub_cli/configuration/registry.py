"""The registry: `configs/departments.yaml`, the one place that says who owns a department, and if it is deployed."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from airnub_prefect.validation import load_yaml

_Text = Annotated[str, Field(min_length=1)]
# They stand in the templates of messages, which braces would end.
_Told = Annotated[str, Field(min_length=1, pattern=r"^[^{}\r\n]+$")]
_Team = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]*$")]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Registered(_Strict):
    """A department."""

    id: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
    """The name of its folder and its package."""
    display_name: _Told
    owner: _Team
    """A team; it becomes a tag, and the owner of the department's files."""
    contacts: Annotated[list[_Told], Field(min_length=1)]
    """Whom to ask, and who is named when a run fails."""
    cost_centre: _Text | None = None
    status: Literal["active", "retired"]
    """Only active departments are deployed."""


class Registry(_Strict):
    """All of them."""

    organisation: Annotated[str, Field(pattern=r"^[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?$")] | None = None
    """Whose teams own departments, as GitHub knows it; without one there is no CODEOWNERS."""
    platform_owner: _Team | None = None
    """The team that owns what all departments share: workflows, infrastructure, environments, packages, the lock."""
    departments: list[Registered]

    @field_validator("departments")
    @classmethod
    def _are_different(cls, departments: list[Registered]) -> list[Registered]:
        ids = [one.id for one in departments]
        if twice := sorted({one for one in ids if ids.count(one) > 1}):
            raise ValueError(f"expected each id once, found {', '.join(twice)} more than once")
        return departments

    def named(self, department: str) -> Registered | None:
        """A department by its id."""
        return next((one for one in self.departments if one.id == department), None)


def registry_file(root: Path) -> Path:
    """Where it is written."""
    return root / "configs" / "departments.yaml"


def load_registry(root: Path) -> Registry:
    """The registry of a checkout.

    Raises:
        ConfigurationError: it is missing, or has mistakes.
    """
    return load_yaml(Registry, registry_file(root))
