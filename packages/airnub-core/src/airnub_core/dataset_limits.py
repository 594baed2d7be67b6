"""Dataset limits: how much a dataset may lose before its existing file is kept and the dataset fails."""

from pydantic import BaseModel, ConfigDict

from airnub_core.tolerance import Tolerance


class DatasetLimits(BaseModel):
    """The limits of one dataset, as the settings of a processing stage have them."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    max_quarantined: Tolerance = "10%"
    """Rows that may break a rule: a number, or a share of the rows read."""


DEFAULT_LIMITS = DatasetLimits()
