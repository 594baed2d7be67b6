"""Contracts: what a department publishes, one version a file, and what its code makes, which `airnub check` compares.

The files are `departments/<department>/contracts/<name>.v<N>.yaml`.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, StrictBool, ValidationError, model_validator
from pydantic_core import InitErrorDetails, PydanticCustomError

from airnub_core.contracts.checks import Checks, FieldValues, PublishedCheck, Strict, Text
from airnub_core.contracts.field_types import Decimal, Simple, parse_field_type

FOLDER = "contracts"
"""In a department's."""
FILE = re.compile(r"(?P<name>[A-Za-z0-9_][A-Za-z0-9_-]*)\.v(?P<version>[1-9]\d*)\.yaml")
FieldType = Annotated[str, AfterValidator(lambda name: str(parse_field_type(name)))]
"""The name of a type of `field_types`, written as there: equal types are equal texts."""
_NUMBERS = ("int", "uint", "float")
_VALUES = set(FieldValues.model_fields)
Kind = Literal["dataset", "event"]


@dataclass(frozen=True, slots=True)
class ContractSchema:
    """One version of one thing, as the code makes it."""

    kind: Kind
    name: str
    version: int
    fields: Mapping[str, tuple[str, bool]]
    """The type of each, as `field_types` names it where it can be published, and whether it may be missing."""
    key: tuple[str, ...] = ()
    """Fields that tell rows apart."""
    values: Mapping[str, FieldValues] = field(default_factory=dict)
    """What values fields have, of those that say it."""
    checks: Mapping[str, PublishedCheck] = field(default_factory=dict)
    """What holds for each version, by the names of the checks."""
    partitioned_by: tuple[str, ...] = ()
    """Fields that decide in which file of a table a row is."""
    made_of: tuple[str, ...] = ()
    """The published datasets that it is made of, `department/name` or `department/name.v2`, also by way of datasets of
    its own department."""


class PublishedField(FieldValues):
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

    @model_validator(mode="after")
    def _has_values_of_its_type(self) -> "PublishedField":
        kind = parse_field_type(self.type)
        is_number = isinstance(kind, Decimal) or (isinstance(kind, Simple) and kind.word.startswith(_NUMBERS))
        if not is_number and (self.minimum is not None or self.maximum is not None):
            raise ValueError(f"expected minimum and maximum of numbers alone, found them for {self.type}")
        if self.one_of is not None and self.type != "string":
            raise ValueError(f"expected one_of for a string alone, found it for {self.type}")
        return self


Fields = Annotated[dict[Text, PublishedField], Field(min_length=1)]


class WithFields(Strict):
    """Fields, those among them that tell rows apart, and the checks of a dataset."""

    fields: Fields
    key: tuple[Text, ...] = ()
    checks: Checks | None = None
    """By name. `None`: of a contract, those of its code; of a reader, it relies on none."""

    @model_validator(mode="after")
    def _has_its_key(self) -> "WithFields":
        if strangers := [name for name in self.key if name not in self.fields]:
            raise ValueError(f"expected fields in `key`, found {', '.join(strangers)}")
        if missing := [name for name in self.key if self.fields[name].nullable]:
            raise ValueError(f"expected fields in `key` that are never null, found {', '.join(missing)}")
        return self


def _unknown(strangers: Sequence[str], fields: Iterable[str]) -> PydanticCustomError:
    near = [one for name in strangers for one in get_close_matches(name, list(fields), n=1)]
    valid = f"did you mean {', '.join(near)}?" if near else f"fields are {', '.join(fields)}"
    message = f"expected fields of the contract, found {', '.join(strangers)}; {valid}"
    # What a template may fill in is in braces, which names may have too.
    return PydanticCustomError("value_error", "{message}", {"message": message})


class Contract(WithFields):
    """What one version holds, and which code keeps it."""

    kind: Kind
    description: Text
    code: Annotated[str, Field(pattern=r"^[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*$")]
    """`module:name` of a `Dataset` or an `EventType`, or of a mapping that has it, by the name of its file."""

    @model_validator(mode="after")
    def _has_the_fields_of_its_checks(self) -> "Contract":
        wrong = [
            InitErrorDetails(type=_unknown(strangers, self.fields), loc=("checks", name), input=check)
            for name, check in (self.checks or {}).items()
            if (strangers := [column for column in check.columns_used if column not in self.fields])
        ]
        if wrong:
            raise ValidationError.from_exception_data(type(self).__name__, wrong)
        return self

    def completed(self, made: ContractSchema) -> "Contract":
        """The same with the code's own limits of values and checks, where the file says nothing of them.

        So a contract of before there were checks promises what its code checks. Checks of columns that are not
        published are not.

        Args:
            made: what the code publishes.
        """
        fields = {}
        for name, one in self.fields.items():
            of_code = made.values.get(name, FieldValues()).model_dump(exclude_none=True)
            fields[name] = one.model_copy(update={**of_code, **one.model_dump(include=_VALUES, exclude_none=True)})
        checks = self.checks
        if checks is None:
            checks = {name: one for name, one in made.checks.items() if set(one.columns_used) <= set(self.fields)}
        return self.model_copy(update={"fields": fields, "checks": checks})


def versioned(name: str, version: int) -> str:
    """How files that hold one version are named, without their suffix."""
    return f"{name}.v{version}"
