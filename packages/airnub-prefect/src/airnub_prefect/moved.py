"""Former modules and names of airnub_prefect: imports of them succeed for one release, as in `airnub_common.moved`.

This module is removed in the next release.
"""

from collections.abc import Mapping

from airnub_common.moved import MovedNames

MODULES: Mapping[str, str] = {
    "airnub_prefect.conclusion": "airnub_prefect.finish_stage",
    "airnub_prefect.places": "airnub_prefect.paths",
    "airnub_prefect.resolution": "airnub_prefect.settings_resolution",
    "airnub_prefect.settings_names": "airnub_prefect.paths",
}
"""The present module of each moved one."""
NAMES: Mapping[tuple[str, str], str] = {
    ("airnub_prefect.finish_stage", "conclude"): "finish_stage",
    ("airnub_prefect.housekeeping", "keep_house"): "clean_up_department",
    ("airnub_prefect.settings", "DatasetsPart"): "DatasetsConfig",
    ("airnub_prefect.settings", "SourcesPart"): "CategoryConfig",
    ("airnub_prefect.settings", "StorePart"): "StoreConfig",
}
"""By present module and former name: the present name."""

HOMES: Mapping[tuple[str, str], str] = {
    ("airnub_prefect.validation", "StrictModel"): "airnub_core.strict_model",
}
"""By former module and name: the present module of a name that moved alone."""

MOVED = MovedNames(MODULES, NAMES, homes=HOMES)
