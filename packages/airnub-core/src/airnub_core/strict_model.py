"""The base of all models of settings, contracts and other files that people write."""

from pydantic import BaseModel, ConfigDict


class StrictModel(BaseModel):
    """Model whose unknown keys are errors, and whose instances are immutable.

    >>> class Limits(StrictModel):
    ...     most: int = 1
    >>> Limits.model_validate({"most": 2})
    Limits(most=2)
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
