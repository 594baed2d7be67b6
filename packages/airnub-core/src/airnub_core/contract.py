"""Contracts: what a department publishes, one version a file: `departments/<department>/contracts/<name>.v<N>.yaml`."""

import re
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StrictBool, model_validator

from airnub_core.field_types import parse_field_type
from airnub_core.published import Kind

FOLDER = "contracts"
"""In a department's."""
FILE = re.compile(r"(?P<name>[A-Za-z0-9_][A-Za-z0-9_-]*)\.v(?P<version>[1-9]\d*)\.yaml")
Text = Annotated[str, Field(min_length=1)]
FieldType = Annotated[str, AfterValidator(lambda name: str(parse_field_type(name)))]
"""The name of a type of `field_types`, written as there: equal types are equal texts."""


class Strict(BaseModel):
    """Unknown keys are mistakes."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class PublishedField(Strict):
    """One field, for who publishes it and for who reads it; its type alone is a short way to write it."""

    type: FieldType
    unit: Text | None = None
    nullable: StrictBool = False
    """Whether it may be missing; of a reader, whether it can do without."""
    description: str = ""

    @model_validator(mode="before")
    @classmethod
    def _is_a_type_alone(cls, value: Any) -> Any:
        return {"type": value} if isinstance(value, str) else value


Fields = Annotated[dict[Text, PublishedField], Field(min_length=1)]


class WithFields(Strict):
    """Fields, and those among them that tell rows apart."""

    fields: Fields
    key: tuple[Text, ...] = ()

    @model_validator(mode="after")
    def _has_its_key(self) -> "WithFields":
        if strangers := [name for name in self.key if name not in self.fields]:
            raise ValueError(f"expected fields in `key`, found {', '.join(strangers)}")
        if missing := [name for name in self.key if self.fields[name].nullable]:
            raise ValueError(f"expected fields in `key` that are never null, found {', '.join(missing)}")
        return self


class Contract(WithFields):
    """What one version holds, and which code keeps it."""

    kind: Kind
    description: Text
    code: Annotated[str, Field(pattern=r"^[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*$")]
    """`module:name` of a `Dataset` or an `EventType`, or of a mapping that has it, by the name of its file."""
