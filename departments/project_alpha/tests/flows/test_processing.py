"""The processing flow, and the source of its settings."""

import asyncio
import re

from prefect.variables import Variable

from airnub_core.contracts.limits import DatasetLimits
from airnub_core.sample_site import Reply
from airnub_data import Location, scan_dataset
from project_alpha.datasets import DATASETS, WEATHER
from project_alpha.demo import DEMO, FOLDER
from project_alpha.flows.ingestion import ingestion
from project_alpha.flows.processing import processing
from project_alpha.settings import ProcessingSettings

ITEMS = "project-alpha-processing-items"


def in_root(store="store", datasets="datasets"):
    return ProcessingSettings(store=store, datasets=datasets)


def made(root):
    """The names of the datasets that have a table."""
    return {name for name in DATASETS if (root / "datasets" / name).is_dir()}


def weather_of(root):
    """The rows of the weather, in a fixed order."""
    return scan_dataset(Location(root / "datasets"), WEATHER).sort(WEATHER.key).collect()


def test_every_dataset_is_made_and_shown(run, table, sound_site, data_root):
    """The table and the summary of the run have its numbers of rows, and the reasons for quarantined rows."""
    run(ingestion, settings=DEMO.settings(sound_site, data_root)["ingestion"])
    ended = run(processing, settings=in_root())
    assert ended.state == "Completed"
    rows = table(ended.artifacts[ITEMS])
    columns = ("source", "outcome", "rows in", "rows", "superseded", "quarantined")
    assert [tuple(row[column] for column in columns) for row in rows] == [
        ("noaa_daily_weather", "stored", 2924, 2922, 1, 1),
        ("usgs_earthquakes", "stored", 1707, 1707, 0, 0),
        ("usgs_earthquake_feeds", "stored", 1381, 996, 385, 0),
    ]
    summary = ended.artifacts["project-alpha-processing-summary"]
    assert "| noaa_daily_weather | 2,924 | 2,922 | 1 | 1 |" in summary
    assert "- **noaa_daily_weather**: precipitation: expected at least 0, first found `-9.9` (rows: 1)" in summary
    assert made(data_root) == set(DATASETS)


def test_without_a_store_the_run_fails_and_says_what_to_do(run, data_root):
    """The message has every dataset, the expected folder, and the stage that writes it."""
    ended = run(processing, settings=in_root())
    assert ended.state == "Failed"
    assert "processing: 3 of 3 items failed" in ended.message
    for name in DATASETS:
        assert f"{name}: expected a content store in {data_root / 'store'}, found no such folder" in ended.message
    assert "run the ingestion first" in ended.message
    assert list(data_root.iterdir()) == []


def test_a_missing_source_affects_only_its_dataset(run, sound_site, data_root):
    """The other datasets are made."""
    settings = DEMO.settings(sound_site, data_root)["ingestion"]
    run(ingestion, settings=settings.model_copy(update={"public_api_data": []}))
    ended = run(processing, settings=in_root())
    assert "processing: 1 of 3 items failed" in ended.message
    assert "usgs_earthquakes: expected .jsonl files of usgs_earthquakes" in ended.message
    assert made(data_root) == {"noaa_daily_weather", "usgs_earthquake_feeds"}


def test_a_source_that_turns_bad_leaves_its_dataset_as_it_was(run, table, sound_site, data_root):
    """The message and the summary of the run have the reason; the dataset's limit is a setting."""
    settings = DEMO.settings(sound_site, data_root)["ingestion"]
    run(ingestion, settings=settings)
    run(processing, settings=in_root())
    before = weather_of(data_root)
    broken = (FOLDER / "weather" / "seattle.csv").read_bytes().replace(b",rain\n", b",hail\n")
    sound_site.routes["/weather/seattle.csv"] = Reply(broken)
    run(ingestion, settings=settings)
    ended = run(processing, settings=in_root())
    assert ended.state == "Failed"
    assert (
        "noaa_daily_weather: expected at most 10% of the rows read to break a rule (max_quarantined), found "
        in ended.message
    )
    assert "weather: expected one of drizzle, rain, sun, snow, fog, found hail" in ended.message
    assert "first found `hail`" in ended.artifacts["project-alpha-processing-summary"]
    assert weather_of(data_root).equals(before)
    limits = {"noaa_daily_weather": DatasetLimits(max_quarantined="50%")}
    ended = run(processing, settings=in_root().model_copy(update={"dataset_limits": limits}))
    assert ended.state == "Completed"
    assert 0 < weather_of(data_root).height < before.height


def test_settings_are_the_parameter_else_the_variable(run, data_root):
    """One test for all, since tests share the Variable; the folder in the message identifies the source."""

    def store_of(ended):
        assert ended.state == "Failed"
        [store] = re.findall(r"noaa_daily_weather: expected .* in (.*), found", ended.message)
        return store

    name = ProcessingSettings.variable()
    asyncio.run(Variable.aset(name, {"store": "of_the_variable", "datasets": "datasets"}, overwrite=True))
    try:
        assert store_of(run(processing, settings=in_root("of_the_parameter"))) == str(data_root / "of_the_parameter")
        assert store_of(run(processing)) == str(data_root / "of_the_variable")
        asyncio.run(Variable.aset(name, {"stores": "of_the_variable", "datasets": "datasets"}, overwrite=True))
        wrong = run(processing)
        assert wrong.state == "Failed"
        assert f"Variable {name}: unknown key 'stores'; did you mean 'store'?" in wrong.message
        assert f"Variable {name}: missing key 'store'" in wrong.message
    finally:
        asyncio.run(Variable.aunset(name))
