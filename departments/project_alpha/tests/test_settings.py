"""The settings of project_alpha: the public format, as YAML and Prefect Variables bring it."""

import json

import pytest
from pydantic import ValidationError

from airnub_core import ApiSource, FileSource, PageSource
from airnub_prefect.settings import CategoryConfig
from project_alpha.settings import AnalysisSettings, IngestionSettings, ProcessingSettings

FILES = {
    "name": "noaa_daily_weather",
    "urls": ["https://example.org/weather.csv"],
    "allow_private_hosts": True,
    "max_bytes": "5 MB",
}
API = {
    "name": "usgs_earthquakes",
    "url": "https://example.org/query",
    "params": {"format": "geojson", "limit": 5, "minmagnitude": 2.5, "nodata": False},
    "headers": {"Accept": "application/json"},
    "auth": {"block": "secret/usgs-token", "header": "Authorization", "prefix": "Bearer "},
    "records": "features",
    "pages": {"kind": "page", "param": "page", "start": 1, "size_param": "per_page", "size": 100, "max": 1000},
    "incremental": {"field": "properties.updated", "param": "updatedafter"},
}
PAGE = {"name": "annual_reports", "page": "https://example.org/reports.html", "links": "a[href$='.pdf']"}
WHOLE = {
    "store": "data/project_alpha",
    "index": None,
    "network": {
        "connections": 32,
        "connections_per_host": 16,
        "requests_per_second_per_host": None,
        "max_bytes": "2GiB",
        "connect_timeout": 10,
        "stall_timeout": 30,
        "total_timeout": 3600,
        "attempts": 4,
        "allow_private_hosts": False,
    },
    "tolerated_failures": "5%",
    "scheduled_file_downloads": [FILES],
    "public_api_data": [API],
    "web_page_link_scraping": [
        {**PAGE, "download": True},
        {"name": "listed", "sitemap": "https://example.org/sitemap.xml", "download": False},
    ],
}


def changed(settings=WHOLE, **changes):
    """The format with other keys at its top."""
    return IngestionSettings.model_validate({**settings, **changes})


def test_the_public_format_is_taken_in_full():
    """Every key of the format means what it says."""
    settings = changed()
    assert settings.network.max_bytes == 2 * 1024**3
    assert settings.tolerated_failures == "5%"
    [files], [api], [pages, sitemap] = (part().sources for part in (settings.files, settings.apis, settings.pages))
    assert [files.name, api.name, pages.name, sitemap.name] == [
        "noaa_daily_weather",
        "usgs_earthquakes",
        "annual_reports",
        "listed",
    ]
    assert (api.auth.block, api.auth.prefix) == ("secret/usgs-token", "Bearer ")
    assert api.params == {"format": "geojson", "limit": 5, "minmagnitude": 2.5, "nodata": False}
    assert (pages.download, sitemap.download) == (True, False)


def test_only_the_store_must_be_named():
    """All else has a default: nothing to fetch, no failure tolerated."""
    settings = IngestionSettings.model_validate({"store": "data"})
    assert settings.tolerated_failures == 0
    assert [part().sources for part in (settings.files, settings.apis, settings.pages)] == [[], [], []]


@pytest.mark.parametrize(
    "pages",
    [
        {"kind": "page", "param": "page", "start": 1, "size_param": "per_page", "size": 100},
        {"kind": "offset", "param": "offset", "limit_param": "limit", "limit": 100},
        {"kind": "cursor", "param": "cursor", "next": "meta.next_cursor"},
        {"kind": "link"},
    ],
)
@pytest.mark.parametrize("largest", [{}, {"max": 7}])
def test_every_kind_of_pages(pages, largest):
    """Each takes `max`, and has 1,000 without it."""
    [api] = changed(public_api_data=[{**API, "pages": {**pages, **largest}}]).apis().sources
    assert api.pages.model_dump().items() >= {**pages, "max": 1000, **largest}.items()


def test_a_source_overrides_any_key_of_network():
    """What it does not name is that of the stage."""
    settings = changed()
    [source] = settings.files().sources
    network = source.network(settings.network)
    assert (network.allow_private_hosts, network.max_bytes) == (True, 5_000_000)
    assert (network.attempts, settings.network.allow_private_hosts) == (4, False)


@pytest.mark.parametrize(("written", "size"), [(17, 17), ("1kB", 1000), ("1 MiB", 1024**2), ("1GB", 10**9)])
def test_sizes_are_bytes_or_have_a_suffix(written, size):
    """Of a thousand or of 1,024."""
    assert changed(network={"max_bytes": written}).network.max_bytes == size


@pytest.mark.parametrize("tolerated", [0, 3, "0%", "5%", "2.5 %", "100%"])
def test_tolerated_failures(tolerated):
    """A number of items, or a share."""
    assert changed(tolerated_failures=tolerated).tolerated_failures == tolerated


@pytest.mark.parametrize(
    ("place", "changes"),
    [
        (("stores",), {"stores": "data"}),
        (("network", "conections"), {"network": {"conections": 1}}),
        (("scheduled_file_downloads", 0, "url"), {"scheduled_file_downloads": [{**FILES, "url": "https://x.org"}]}),
        (("public_api_data", 0, "auth", "token"), {"public_api_data": [{**API, "auth": {**API["auth"], "token": ""}}]}),
        (
            ("public_api_data", 0, "pages", "link", "next"),
            {"public_api_data": [{**API, "pages": {"kind": "link", "next": ""}}]},
        ),
        (("web_page_link_scraping", 0, "selector"), {"web_page_link_scraping": [{**PAGE, "selector": "a"}]}),
    ],
)
def test_unknown_keys_are_invalid(place, changes):
    """At every level, each with its place."""
    with pytest.raises(ValidationError) as refused:
        changed(**changes)
    assert [(error["type"], error["loc"]) for error in refused.value.errors()] == [("extra_forbidden", place)]


@pytest.mark.parametrize(
    "changes",
    [
        {"store": " "},
        {"store": None},
        {"network": {"attempts": 0}},
        {"tolerated_failures": -1},
        {"tolerated_failures": "101%"},
        {"tolerated_failures": "some"},
        {"scheduled_file_downloads": [{"name": "no_urls"}]},
        {"scheduled_file_downloads": [{**FILES, "urls": ["ftp://example.org/weather.csv"]}]},
        {"scheduled_file_downloads": [{**FILES, "name": "../up"}]},
        {"scheduled_file_downloads": [{**FILES, "urls": [], "urls_file": "urls/absent.txt"}]},
        {"public_api_data": [{**API, "pages": {"kind": "offset", "limit": 0}}]},
        {"public_api_data": [{**API, "pages": {"kind": "pages"}}]},
        {"public_api_data": [{**API, "records": None}]},
        {"public_api_data": [{**API, "auth": {"block": "Bearer abc"}}]},
        {"web_page_link_scraping": [{**PAGE, "links": None}]},
        {"web_page_link_scraping": [{**PAGE, "links": "a[["}]},
        {"web_page_link_scraping": [{**PAGE, "sitemap": "https://example.org/sitemap.xml"}]},
        {"web_page_link_scraping": [{**PAGE, "name": "NOAA_daily_weather"}]},
    ],
)
def test_invalid_values_are_rejected(changes):
    """Before anything is fetched; each error is reported once."""
    with pytest.raises(ValidationError) as refused:
        changed(**changes)
    places = {error["loc"][:3] for error in refused.value.errors()}
    assert {place[0] for place in places} == set(changes)


def test_all_errors_are_reported_at_once():
    """All errors are reported in one run."""
    with pytest.raises(ValidationError) as refused:
        changed(stores="", network={"attempts": "many"}, public_api_data=[{**API, "url": "nowhere"}])
    assert {error["loc"][0] for error in refused.value.errors()} == {"stores", "network", "public_api_data"}


def test_settings_survive_json():
    """As Prefect keeps them: a flow run that is retried gets the same settings."""
    settings = changed()
    assert IngestionSettings.model_validate(json.loads(settings.model_dump_json())) == settings


def test_category_configs_have_plain_values():
    """Prefect stores a flow's parameters in its database: they are JSON without secrets."""
    settings = changed()
    for kind, part in ((FileSource, settings.files()), (ApiSource, settings.apis()), (PageSource, settings.pages())):
        values = part.model_dump(mode="json")
        assert json.loads(json.dumps(values)) == values
        assert (values["store"], values["package"]) == ("data/project_alpha", "project_alpha")
        assert CategoryConfig[kind].model_validate(values) == part
    assert settings.secrets() == ["secret/usgs-token"]


def test_a_category_config_has_only_its_sources():
    """Errors of one category do not concern the others."""
    settings = changed()
    assert [len(part().sources) for part in (settings.files, settings.apis, settings.pages)] == [1, 1, 2]
    assert changed(public_api_data=[]).secrets() == []


def test_settings_do_not_change():
    """Settings are immutable."""
    with pytest.raises(ValidationError, match="frozen"):
        changed().store = "elsewhere"


@pytest.mark.parametrize(
    ("kind", "stage", "keys"),
    [
        (IngestionSettings, "ingestion", {"store": "a"}),
        (ProcessingSettings, "processing", {"store": "a", "datasets": "b"}),
        (AnalysisSettings, "analysis", {"datasets": "b", "reports": "c"}),
    ],
)
def test_every_stage_knows_where_its_settings_are(kind, stage, keys):
    """The Variable's name and the file's are made of department and stage; every key must be there, and no other."""
    assert kind.variable() == f"dept_project_alpha_{stage}_config"
    assert kind.yaml_name() == f"configs/variables/project_alpha/{stage}.yaml"
    assert kind.model_validate(keys).model_dump().items() >= keys.items()
    for wrong in [{**keys, "folder": "d"}, {key: keys[key] for key in list(keys)[1:]}]:
        with pytest.raises(ValidationError):
            kind.model_validate(wrong)


def test_a_limit_of_a_dataset_that_there_is_not():
    """The nearest one is named."""
    keys = {"store": "a", "datasets": "b", "dataset_limits": {"noaa_daily_wether": {"max_quarantined": "5%"}}}
    with pytest.raises(ValidationError, match=r"unknown dataset .*; did you mean 'noaa_daily_weather'\?"):
        ProcessingSettings.model_validate(keys)
