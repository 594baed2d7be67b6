"""The registry of departments, `configs/departments.yaml`: names, owners, and whether they are deployed."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, field_validator

from airnub_core.strict_model import StrictModel
from airnub_prefect.validation import load_yaml

TEMPLATE_FOLDER = "_template"
"""The template's folder, in `departments/`."""
REGISTRATION = "registration"
"""The template's folder with the files and entries of a department outside of its own folder."""


@dataclass(frozen=True, slots=True)
class Names:
    """The forms of a department's name."""

    module: str
    """Name of its folder and its package: `project_alpha`."""
    display: str = ""
    """`Project Alpha`"""

    @property
    def slug(self) -> str:
        """Name of its distribution, command, image, pool and services: `project-alpha`."""
        return self.module.replace("_", "-")

    @property
    def services(self) -> tuple[str, str, str]:
        """Its Compose services: image, worker, and the sample site of departments from earlier templates."""
        return self.slug, f"worker-{self.slug}", f"site-{self.slug}"


TEMPLATE = Names("department_template", "Department Template")


def renamed(text: str, names: Names) -> str:
    """Replace the template's names in a text by the department's."""
    said = {TEMPLATE.module: names.module, TEMPLATE.slug: names.slug}
    if names.display:
        said[TEMPLATE.display] = names.display
    return re.sub("|".join(map(re.escape, said)), lambda match: said[match.group()], text)


_Text = Annotated[str, Field(min_length=1)]
# They are inserted into message templates, where braces are syntax.
_MessageText = Annotated[str, Field(min_length=1, pattern=r"^[^{}\r\n]+$")]
_Team = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]*$")]


class Registered(StrictModel):
    """A department."""

    id: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
    """The name of its folder and its package."""
    display_name: _MessageText
    owner: _Team
    """The owning team: a tag of the deployments, and the code owner of the department's files."""
    contacts: Annotated[list[_MessageText], Field(min_length=1)]
    """Contacts for questions, named in notifications of failed runs."""
    cost_centre: _Text | None = None
    status: Literal["active", "retired"]
    """Only active departments are deployed."""


class Registry(StrictModel):
    """All departments, with their organisation."""

    organisation: Annotated[str, Field(pattern=r"^[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?$")] | None = None
    """The GitHub organisation of the owning teams; without it no CODEOWNERS is generated."""
    platform_owner: _Team | None = None
    """The team that owns the shared files: workflows, infrastructure, environments, packages, the lock."""
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
    """The path of the registry."""
    return root / "configs" / "departments.yaml"


def load_registry(root: Path) -> Registry:
    """Read the registry of a checkout.

    Raises:
        ConfigurationError: the file is missing, or has mistakes.
    """
    return load_yaml(Registry, registry_file(root))
