"""Origin: which template a department was made from, recorded in the department."""

import json
import tomllib
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from airnub_cli.workspace import WorkspaceError

FILE = "template.toml"
_HEAD = "# What this department was made from; `airnub template update` merges what the template changed since.\n"


class TemplateOrigin(BaseModel):
    """What the file says."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    tree: Annotated[str, Field(pattern=r"^([0-9a-f]{40}|[0-9a-f]{64})$")]
    """Git's name of the template's folder as it was then."""
    display_name: str = ""
    """As the template's texts were given it."""
    left_out: tuple[str, ...] = ()
    """Stages and categories of the template that the department goes without."""

    def text(self) -> str:
        """The file."""
        lines = [f'tree = "{self.tree}"', f"display_name = {json.dumps(self.display_name, ensure_ascii=False)}"]
        lines += [f"left_out = {json.dumps(sorted(self.left_out))}"] if self.left_out else []
        return _HEAD + "".join(f"{line}\n" for line in lines)


def read_origin(root: Path, department: str) -> TemplateOrigin | None:
    """What a department records, `None` where it records nothing.

    Raises:
        WorkspaceError: the file cannot be understood.
    """
    path = root / origin_path(department)
    if not path.is_file():
        return None
    try:
        return TemplateOrigin(**tomllib.loads(path.read_text(encoding="utf-8")))
    except (ValidationError, ValueError) as error:
        said = " ".join(str(error).split())
        raise WorkspaceError(f"{path}: expected what `airnub new department` writes, found: {said}") from None


def origin_path(department: str) -> str:
    """Where it is recorded, relative to the root."""
    return f"departments/{department}/{FILE}"
