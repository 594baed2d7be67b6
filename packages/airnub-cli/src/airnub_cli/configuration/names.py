"""Names of a department: of its package, of its command and services, and for people; and files in which they stand."""

import re
from dataclasses import dataclass

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
