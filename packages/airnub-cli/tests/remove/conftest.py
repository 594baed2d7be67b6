"""The fixtures of `copied_checkout`."""

from copied_checkout import house  # noqa: F401
