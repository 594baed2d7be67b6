"""Two stages, one of which needs a parameter, and something that is no flow."""

from typing import Annotated

from prefect import flow
from pydantic import BaseModel, ConfigDict, Field


class Settings(BaseModel):
    """Strict ones."""

    model_config = ConfigDict(extra="forbid")
    store: str


@flow(name="department-for-deploying-first")
def first(settings: Settings | None = None, times: Annotated[int, Field(ge=1)] = 1) -> None:
    """Needs nothing."""


@flow(name="department-for-deploying-second")
def second(day: str, times: int = 1) -> None:
    """Needs a day."""


def no_flow() -> None:
    """Prefect knows nothing of it."""
