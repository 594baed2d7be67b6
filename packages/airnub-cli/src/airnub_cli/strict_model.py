"""The strict base class of file models: unknown keys are mistakes, and instances are immutable."""

from pydantic import BaseModel, ConfigDict


class StrictModel(BaseModel):
    """Base of everything that is read from a file that people write."""

    model_config = ConfigDict(extra="forbid", frozen=True)
