"""Network settings: limits and manners of every transfer, and what a source may override of them."""

from typing import Annotated

from pydantic import (
    AfterValidator,
    BaseModel,
    ByteSize,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WrapValidator,
)

from airnub_core.network.limits import Limits
from airnub_core.network.ssrf import checked_entry

Seconds = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Size = Annotated[ByteSize, Field(gt=0)]


def _switch(value: object, handler: ValidatorFunctionWrapHandler) -> bool:
    try:
        return bool(handler(value))
    except ValidationError:
        raise ValueError("expected true, false, or a list of host names and networks") from None


def _kind(value: object) -> str:
    return "list" if isinstance(value, list | tuple) else "switch"


PrivateHosts = Annotated[
    Annotated[bool, WrapValidator(_switch), Tag("switch")]
    | Annotated[tuple[Annotated[str, AfterValidator(checked_entry)], ...], Tag("list")],
    # With a plain union a mistake in an entry would also be reported as a list that is not a switch.
    Discriminator(_kind),
]
"""`false`, `true`, or a list of host names and networks; `ssrf` says what they allow."""


class NetworkSettings(BaseModel):
    """Limits and manners; times are in seconds, sizes in bytes or with a suffix (kB MB GB KiB MiB GiB)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    connections: Annotated[int, Field(ge=1, le=1024)] = 32
    connections_per_host: Annotated[int, Field(ge=1, le=1024)] = 16
    requests_per_second_per_host: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None
    max_bytes: Size = ByteSize(2 * 1024**3)
    """The largest body of one file, decoded."""
    connect_timeout: Seconds = 10
    stall_timeout: Seconds = 30
    """The longest time without a byte."""
    total_timeout: Seconds = 3600
    """The longest time of one attempt."""
    attempts: Annotated[int, Field(ge=1, le=100)] = 4
    allow_private_hosts: PrivateHosts = False

    def limits(self) -> Limits:
        """The same as a plain value, which processes can be told that have no use for models."""
        values = {name: getattr(self, name) for name in Limits._fields}
        return Limits(**values | {"max_bytes": int(self.max_bytes)})


class NetworkOverrides(BaseModel):
    """Any key of `NetworkSettings`, for one source."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    connections: Annotated[int, Field(ge=1, le=1024)] | None = None
    connections_per_host: Annotated[int, Field(ge=1, le=1024)] | None = None
    requests_per_second_per_host: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None
    max_bytes: Size | None = None
    connect_timeout: Seconds | None = None
    stall_timeout: Seconds | None = None
    total_timeout: Seconds | None = None
    attempts: Annotated[int, Field(ge=1, le=100)] | None = None
    allow_private_hosts: PrivateHosts | None = None

    def network(self, department: NetworkSettings) -> NetworkSettings:
        """The department's settings with what this source says otherwise."""
        said = {name: value for name in NetworkSettings.model_fields if (value := getattr(self, name)) is not None}
        return department.model_copy(update=said)
