"""Contracts: models of contract files, and the published schema in code that `airnub check` compares with them.

Each file declares one version: `departments/<department>/contracts/<name>.v<N>.yaml`.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, StrictBool, ValidationError, model_validator
from pydantic_core import InitErrorDetails, PydanticCustomError

from airnub_core.contracts.checks import Checks, FieldValues, PublishedCheck, Text
from airnub_core.contracts.field_types import Decimal, Simple, parse_field_type
from airnub_core.strict_model import StrictModel

FOLDER = "contracts"
"""Folder of contracts within a department's folder."""
FILE = re.compile(r"(?P<name>[A-Za-z0-9_][A-Za-z0-9_-]*)\.v(?P<version>[1-9]\d*)\.yaml")
FieldType = Annotated[str, AfterValidator(lambda name: str(parse_field_type(name)))]
"""Name of a type of `field_types` in its normalized form, so that equal types are equal strings."""
_NUMBERS = ("int", "uint", "float")
_VALUES = set(FieldValues.model_fields)
Kind = Literal["dataset", "event"]


@dataclass(frozen=True, slots=True)
class ContractSchema:
    """Schema of one version of a published dataset or event, as the code defines it."""

    kind: Kind
    name: str
    version: int
    fields: Mapping[str, tuple[str, bool]]
    """Type and nullability of each field; the type has its name in `field_types` if contracts support it."""
    key: tuple[str, ...] = ()
    """Fields of the upsert key."""
    values: Mapping[str, FieldValues] = field(default_factory=dict)
    """Value constraints of fields; fields without constraints are left out."""
    checks: Mapping[str, PublishedCheck] = field(default_factory=dict)
    """Checks of each version, by name."""
    partitioned_by: tuple[str, ...] = ()
    """Fields that determine the partition of a row."""
    made_of: tuple[str, ...] = ()
    """Published datasets that this one is made from, directly or through datasets of its own department:
    `department/name` or `department/name.v2`."""


class PublishedField(FieldValues):
    """Field of a contract, or of a reader's expectation; a plain string is short for `type`."""

    type: FieldType
    unit: Text | None = None
    nullable: StrictBool = False
    """Contract: whether the field may be null. Reader: whether it can handle a missing or null field."""
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


class WithFields(StrictModel):
    """Fields, key and checks of a dataset."""

    fields: Fields
    key: tuple[Text, ...] = ()
    checks: Checks | None = None
    """Checks by name. `None` in a contract: those of its code; `None` in a reader's expectation: it relies on no
    check."""

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
    # Pydantic's message templates use braces, which may also occur in names.
    return PydanticCustomError("value_error", "{message}", {"message": message})


class Contract(WithFields):
    """Contract of one version, with the reference to the code that fulfils it."""

    kind: Kind
    description: Text
    code: Annotated[str, Field(pattern=r"^[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*$")]
    """`module:name` of a `Dataset` or an `EventType`, or of a mapping that contains it under the name of the file."""

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
        """Return a copy with the value constraints and checks of the code where the file has none.

        So a contract that was written before checks were supported promises the checks of its code, except those that
        refer to unpublished columns.

        Args:
            made: schema that the code publishes.
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
    """Return the base name of files that contain one version, without their suffix."""
    return f"{name}.v{version}"
