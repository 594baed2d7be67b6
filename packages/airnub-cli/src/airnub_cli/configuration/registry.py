"""The registry of departments, `configs/departments.yaml`: names, owners, and whether they are deployed."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, field_validator

from airnub_cli.strict_model import StrictModel
from airnub_prefect.validation import load_yaml

TEMPLATE_FOLDER = "_template"
"""Of the living template, below `departments/`."""
REGISTRATION = "registration"
"""In the template: what the rest of the repository has of a department."""


@dataclass(frozen=True, slots=True)
class Names:
    """The same department, as different places write it."""

    module: str
    """Of its folder and its package: `project_alpha`."""
    display: str = ""
    """`Project Alpha`"""

    @property
    def slug(self) -> str:
        """Of its distribution, command, image, pool and services: `project-alpha`."""
        return self.module.replace("_", "-")

    @property
    def services(self) -> tuple[str, str, str]:
        """Of Compose: its image, its worker, and the sample site that departments of earlier templates have."""
        return self.slug, f"worker-{self.slug}", f"site-{self.slug}"


TEMPLATE = Names("department_template", "Department Template")


def renamed(text: str, names: Names) -> str:
    """A text of the template as it is in a department."""
    said = {TEMPLATE.module: names.module, TEMPLATE.slug: names.slug}
    if names.display:
        said[TEMPLATE.display] = names.display
    return re.sub("|".join(map(re.escape, said)), lambda match: said[match.group()], text)


_Text = Annotated[str, Field(min_length=1)]
# They stand in the templates of messages, which braces would end.
_Told = Annotated[str, Field(min_length=1, pattern=r"^[^{}\r\n]+$")]
_Team = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]*$")]


class Registered(StrictModel):
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


class Registry(StrictModel):
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
