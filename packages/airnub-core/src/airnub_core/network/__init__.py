"""Moved: names of the version before, which are in `airnub_core.http` now. This package goes with the next version."""
