"""Processing, alone; and where its settings come from."""

import asyncio

from prefect.variables import Variable

from airnub_core.dataset_limits import DatasetLimits
from airnub_core.sample_site import Reply
from project_alpha.demo import DEMO, FOLDER
from project_alpha.flows.ingestion import ingestion
from project_alpha.flows.processing import processing
from project_alpha.settings import ProcessingSettings

ITEMS = "project-alpha-processing-items"


def in_root(store="store", datasets="datasets"):
    return ProcessingSettings(store=store, datasets=datasets)


def test_every_dataset_is_made_and_shown(run, table, sound_site, data_root):
    """With its rows, in the table of the run."""
    run(ingestion, settings=DEMO.settings(sound_site, data_root)["ingestion"])
    ended = run(processing, settings=in_root())
    assert ended.state == "Completed"
    rows = table(ended.artifacts[ITEMS])
    assert [(row["source"], row["outcome"], row["rows"], row["quarantined"]) for row in rows] == [
        ("noaa_daily_weather", "stored", 2922, 0),
        ("usgs_earthquakes", "stored", 1707, 0),
        ("usgs_earthquake_feeds", "stored", 996, 0),
    ]
    assert len(list((data_root / "datasets").glob("*.parquet"))) == 3


def test_without_a_store_the_run_fails_and_says_what_to_do(run, data_root):
    """Every dataset is named, with the folder that was expected and the stage that fills it."""
    ended = run(processing, settings=in_root())
    assert ended.state == "Failed"
    assert "processing: 3 of 3 items failed" in ended.message
    for name in ("noaa_daily_weather", "usgs_earthquakes", "usgs_earthquake_feeds"):
        assert f"{name}: expected a content store in {data_root / 'store'}" in ended.message
    assert "run the ingestion first" in ended.message
    assert list(data_root.iterdir()) == []


def test_a_source_that_is_missing_costs_nobody_the_others(run, sound_site, data_root):
    """The datasets that can be made are made."""
    settings = DEMO.settings(sound_site, data_root)["ingestion"]
    run(ingestion, settings=settings.model_copy(update={"public_api_data": []}))
    ended = run(processing, settings=in_root())
    assert "processing: 1 of 3 items failed" in ended.message
    assert "usgs_earthquakes: expected .jsonl files of this source" in ended.message
    assert len(list((data_root / "datasets").glob("*.parquet"))) == 2


def test_a_source_that_turns_bad_leaves_its_dataset_as_it_was(run, table, sound_site, data_root):
    """The run fails and says why, in its message and its summary; the limit of a dataset is a setting."""
    settings = DEMO.settings(sound_site, data_root)["ingestion"]
    run(ingestion, settings=settings)
    run(processing, settings=in_root())
    before = (data_root / "datasets" / "noaa_daily_weather.parquet").read_bytes()
    broken = (FOLDER / "weather" / "seattle.csv").read_bytes().replace(b",rain\n", b",hail\n")
    sound_site.routes["/weather/seattle.csv"] = Reply(broken)
    run(ingestion, settings=settings)
    ended = run(processing, settings=in_root())
    assert ended.state == "Failed"
    assert "noaa_daily_weather: expected at most 10% of the rows read to break a rule, found " in ended.message
    assert "weather: expected one of drizzle, rain, sun, snow, fog, found hail" in ended.message
    assert "first found `hail`" in ended.artifacts["project-alpha-processing-summary"]
    assert (data_root / "datasets" / "noaa_daily_weather.parquet").read_bytes() == before
    limits = {"noaa_daily_weather": DatasetLimits(max_quarantined="50%")}
    ended = run(processing, settings=in_root().model_copy(update={"dataset_limits": limits}))
    assert ended.state == "Completed"
    assert (data_root / "datasets" / "noaa_daily_weather.parquet").read_bytes() != before


def test_settings_are_the_parameter_else_the_variable(run, data_root):
    """One test for all, since a Variable is there for everybody: the folder in the message tells which it was."""

    def store_of(ended):
        assert ended.state == "Failed"
        return ended.message.partition("expected a content store in ")[2].partition(",")[0]

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
