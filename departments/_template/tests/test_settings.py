"""The settings of department_template."""

import json

import pytest

from department_template.settings import AnalysisSettings, IngestionSettings, ProcessingSettings

INGESTION = {
    "store": "data/department_template",
    "network": {"attempts": 2, "max_bytes": "10MiB"},
    "tolerated_failures": "5%",
    "public_api_data": [{"name": "records", "url": "https://example.org/api", "records": "records"}],
    "scheduled_file_downloads": [{"name": "measurements", "urls": ["https://example.org/measurements.csv"]}],
    "web_page_link_scraping": [{"name": "links", "page": "https://example.org/", "links": "a"}],
}


def test_settings_are_read_and_survive_json():
    """Plain values of YAML and Variables survive a round trip through JSON."""
    settings = IngestionSettings.model_validate(INGESTION)
    assert IngestionSettings.model_validate(json.loads(settings.model_dump_json())) == settings


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        (IngestionSettings, INGESTION),
        (ProcessingSettings, {"store": "data/department_template", "datasets": "datasets"}),
        (AnalysisSettings, {"datasets": "datasets", "reports": "reports"}),
    ],
)
def test_unknown_keys_are_invalid(kind, values):
    """A misspelt key is an error, not a default."""
    kind.model_validate(values)
    with pytest.raises(ValueError, match="extra_forbidden"):
        kind.model_validate({**values, "misspelt": 1})
