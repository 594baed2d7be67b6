"""Modules and names of airnub_prefect of the version before; `airnub_common.moved` says what an import of them gives.

This module goes with the next version.
"""

from collections.abc import Mapping

from airnub_common.moved import MovedNames

MODULES: Mapping[str, str] = {}
"""The present module of each moved one."""
NAMES: Mapping[tuple[str, str], str] = {}
"""By present module and former name: the present name."""

MOVED = MovedNames(MODULES, NAMES)
