"""Entries: what files that stand for one object of the backend have in common."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

EnvironmentName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]*$")]


class Entry(BaseModel):
    """What files of every kind have in common."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    environments: Annotated[list[EnvironmentName], Field(min_length=1)] | None = None
    """Where it exists; without it, everywhere."""

    @property
    def identity(self) -> str:
        """What must differ from file to file."""
        return self.name
