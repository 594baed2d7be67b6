"""The strict base of models of files: unknown keys are mistakes, and a model does not change once it is read."""

from pydantic import BaseModel, ConfigDict


class StrictModel(BaseModel):
    """Base of everything that is read from a file that people write."""

    model_config = ConfigDict(extra="forbid", frozen=True)
