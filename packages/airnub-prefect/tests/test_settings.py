"""Stage settings."""

import sys
from datetime import timedelta

import pytest
from department_for_tests.settings import CountingSettings, IngestionSettings, ProcessingSettings
from pydantic import ValidationError

from airnub_core import ApiSource, Auth, FileSource
from airnub_prefect import settings as settings_module
from airnub_prefect.errors import ConfigurationError, UnknownNameError
from airnub_prefect.setting_values import IndexBlock
from airnub_prefect.settings import CategoryConfig, StageSettings, package_folder
from airnub_prefect.validation import load_yaml


def file_source(name, **more):
    """A source."""
    return FileSource(name=name, urls=["http://a/"], **more)


def test_names_follow_from_department_and_stage():
    """Variable, file and package are named after whose settings they are."""
    assert IngestionSettings.variable() == "dept_department_for_tests_ingestion_config"
    assert IngestionSettings.yaml_name() == "configs/variables/department_for_tests/ingestion.yaml"
    assert IngestionSettings.package() == "department_for_tests"


def test_a_subclass_is_of_the_same_stage():
    """What is not said again is inherited."""

    class Further(CountingSettings, stage="further"):
        pass

    class Same(Further):
        pass

    assert Same.variable() == "dept_department_for_tests_further_config"


def test_the_file_is_looked_for_in_the_checkout(monkeypatch, tmp_path):
    """Without a checkout, or without the file, there is none."""
    monkeypatch.setattr(settings_module, "checkout", lambda: None)
    assert CountingSettings.yaml_path() is None
    monkeypatch.setattr(settings_module, "checkout", lambda: tmp_path)
    assert CountingSettings.yaml_path() is None
    path = tmp_path / CountingSettings.yaml_name()
    path.parent.mkdir(parents=True)
    path.touch()
    assert CountingSettings.yaml_path() == path


def test_settings_are_strict_and_frozen():
    """Unknown keys are refused, and nothing is changed later."""
    with pytest.raises(ValidationError, match="Extra inputs are not permitted"):
        CountingSettings(task=1)
    with pytest.raises(ValidationError, match="frozen"):
        CountingSettings().tasks = 2


def places(error):
    """Where Pydantic found something, and what."""
    return {".".join(map(str, one["loc"])): one["msg"] for one in error.value.errors()}


def test_two_sources_with_one_name():
    """Each repetition is reported at its place, across categories and ignoring case."""
    with pytest.raises(ValidationError) as error:
        IngestionSettings(
            store="x",
            files=[file_source("A"), file_source("b"), file_source("a")],
            apis=[ApiSource(name="B", url="http://a/")],
        )
    same = "expected a unique source name, not that of files.{}"
    assert places(error) == {"files.2.name": same.format("0.name"), "apis.0.name": same.format("1.name")}


def test_files_of_urls_are_read_when_settings_are(monkeypatch, tmp_path):
    """A file of the package that is not there, or holds no URLs, is a mistake of its source."""
    monkeypatch.setattr(settings_module, "package_folder", lambda _package: tmp_path)
    (tmp_path / "good.txt").write_text("http://a/1\n")
    (tmp_path / "bad.txt").write_text("http://a/1\nno url\n")
    files = [FileSource(name=name, urls_file=f"{name}.txt") for name in ("good", "bad", "gone")]
    with pytest.raises(ValidationError) as error:
        IngestionSettings(store="x", files=files)
    found = places(error)
    assert set(found) == {"files.1.urls_file", "files.2.urls_file"}
    assert "bad.txt:2: expected an http or https URL" in found["files.1.urls_file"]
    assert "No such file" in found["files.2.urls_file"]


@pytest.mark.parametrize("store", ["", "  "])
def test_a_store_is_named(store):
    """Nothing is no folder."""
    with pytest.raises(ValidationError, match="expected a folder"):
        IngestionSettings(store=store)


@pytest.mark.parametrize("store", ["s3://bucket/prefix", "file:///data"])
def test_a_store_in_object_storage_is_a_block(store):
    """A URL is no folder, and would have nowhere to keep its credentials."""
    with pytest.raises(ValidationError, match=r"a block such as \{block: s3-bucket/NAME\}"):
        IngestionSettings(store=store)


@pytest.mark.parametrize("block", ["s3-bucket/data", "remote-file-system/data-1"])
def test_blocks_of_stores(block):
    """Of the types that can be read."""
    assert IngestionSettings(store={"block": block}).store.block == block


@pytest.mark.parametrize("block", ["s3-bucket", "s3-bucket/A", "s3-bucket/a/b", "secret/data", "local-file-system/x"])
def test_blocks_that_hold_no_store(block):
    """Of other types, or not as Prefect names blocks."""
    with pytest.raises(ValidationError, match="should match pattern"):
        IngestionSettings(store={"block": block})


@pytest.mark.parametrize(
    "index", ["postgresql://host/db", "postgresql://user:pw@host:5432/db?sslmode=require", "postgres:///db"]
)
def test_an_index_in_postgresql(index):
    """By its URL."""
    assert IngestionSettings(store="x", index=index).index == index


@pytest.mark.parametrize(
    "index", ["sqlite", "", "mysql://host/db", "postgresql://host", "postgresql://[/db", "http://h"]
)
def test_an_invalid_index(index):
    """The error has the expected forms."""
    with pytest.raises(ValidationError, match="expected null, a URL like postgresql://host/database"):
        IngestionSettings(store="x", index=index)


def test_a_password_of_an_index_is_not_written_down():
    """Neither by settings nor by a part; and settings as they are written down do not pass for whole ones."""
    settings = IngestionSettings(store="x", index="postgresql://user:hunter2@host/db?password=hunter2")
    assert "hunter2" in settings.category([]).index
    for one in settings, settings.category([]):
        assert "hunter2" not in one.model_dump_json()
        assert '"postgresql://***@host/db?password=***"' in one.model_dump_json()
    with pytest.raises(ValidationError, match=r"keep the URL in \{block: secret/NAME\}"):
        IngestionSettings.model_validate_json(settings.model_dump_json())


def test_a_category_config_is_plain_and_complete():
    """It contains everything that a category needs, and survives a round trip through JSON."""
    places = {"store": {"block": "s3-bucket/data"}, "index": {"block": "secret/index-url"}}
    settings = IngestionSettings(**places, files=[file_source("a")])
    part = settings.of_files()
    assert (part.store.block, part.index.block) == ("s3-bucket/data", "secret/index-url")
    assert part.package == "department_for_tests"
    again = CategoryConfig[FileSource].model_validate_json(part.model_dump_json())
    assert again == part


def test_limits_of_datasets():
    """A dataset of a second version has limits of its own; what is left out is as declared."""
    limits = {"weather": {"max_quarantined": "5%", "retention": "7d"}, "weather.v2": {"max_shrink": 3}}
    settings = ProcessingSettings(store="x", datasets="y", dataset_limits=limits)
    assert settings.dataset_limits["weather"].retention == timedelta(days=7)
    assert [settings.dataset_limits[name].max_quarantined for name in limits] == ["5%", None]


def test_declared_datasets_have_the_limits_of_the_settings():
    """Each by the name of its table."""
    pytest.importorskip("airnub_data", reason="declares them")
    from department_of_data.settings import ProcessingSettings as Settings

    assert Settings(store="x", datasets="y").declared()["orders"].max_shrink == "50%"
    settings = Settings(store="x", datasets="y", dataset_limits={"orders": {"max_shrink": 7}})
    assert settings.declared()["orders"].max_shrink == 7
    assert Settings.declarations()["orders"].max_shrink == "50%"


def test_datasets_may_be_in_object_storage():
    """By a block, as the store."""
    assert ProcessingSettings(store="x", datasets={"block": "s3-bucket/data"}).datasets.block == "s3-bucket/data"


def test_limits_of_no_dataset_of_the_department(tmp_path):
    """Each is named with its line, and the nearest that there is; so are the limits themselves."""
    path = tmp_path / "processing.yaml"
    path.write_text(
        "store: x\ndatasets: y\ndataset_limits:\n  wether: {max_quarantined: 5%}\n  rain: {}\n"
        "  weather: {max_quarantined: 5%}\n"
    )
    with pytest.raises(ConfigurationError) as error:
        load_yaml(ProcessingSettings, path)
    assert [(mistake.line, mistake.message) for mistake in error.value.mistakes] == [
        (4, "dataset_limits.wether: unknown dataset 'wether'; did you mean 'weather'?"),
        (5, "dataset_limits.rain: unknown dataset 'rain'; valid are weather, weather.v2"),
    ]
    path.write_text(
        "store: x\ndatasets: y\ndataset_limits:\n  weather:\n    max_quarantine: 1\n    max_quarantined: 5\n"
    )
    with pytest.raises(ConfigurationError, match=r"yaml:5: unknown key .*did you mean 'max_quarantined'\?$"):
        load_yaml(ProcessingSettings, path)
    path.write_text("store: x\ndatasets: y\ndataset_limits: {weather: {max_quarantined: half}}\n")
    with pytest.raises(
        ConfigurationError, match=r"yaml:3: dataset_limits.weather.max_quarantined: expected a number, or"
    ):
        load_yaml(ProcessingSettings, path)


def test_checks_that_no_dataset_declares(tmp_path):
    """Each is named with its line; what a dataset does declare is taken."""
    pytest.importorskip("airnub_data", reason="declares them")
    from department_of_data.settings import ProcessingSettings as Settings

    path = tmp_path / "processing.yaml"
    path.write_text(
        "store: x\ndatasets: y\ndataset_limits:\n  orders:\n    fresh_within: 48h\n    checks:\n      chep: warn\n"
        "      cheap: block\n"
    )
    with pytest.raises(ConfigurationError) as error:
        load_yaml(Settings, path)
    assert [(mistake.line, mistake.message) for mistake in error.value.mistakes] == [
        (
            5,
            "dataset_limits.orders.fresh_within: expected a check `fresh` in the declaration of orders, found none; "
            "declare it first",
        ),
        (7, "dataset_limits.orders.checks.chep: unknown check 'chep'; did you mean 'cheap'?"),
    ]
    path.write_text("store: x\ndatasets: y\ndataset_limits: {orders: {checks: {cheap: warn}}}\n")
    assert load_yaml(Settings, path).declared()["orders"].checks[0].on_fail == "warn"
    path.write_text("store: x\ndatasets: y\ndataset_limits: {orders: {checks: {cheap: off}}}\n")
    with pytest.raises(ConfigurationError, match=r"yaml:3: dataset_limits.orders.checks.cheap: expected 'warn' or"):
        load_yaml(Settings, path)


def test_secrets_are_named():
    """`secrets()` has all references of the sources."""
    auth = [Auth(block=f"secret/{name}") for name in "ab"]
    apis = [ApiSource(name=one.block[-1], url="http://a/", auth=one) for one in auth]
    settings = IngestionSettings(
        store="x", files=[file_source("f")], apis=[*apis, ApiSource(name="c", url="http://a/")]
    )
    assert settings.secrets() == ["secret/a", "secret/b"]
    assert settings.model_copy(update={"index": IndexBlock(block="secret/i")}).secrets()[0] == "secret/i"


def test_the_folder_of_a_package():
    """Imported or not, a package has a folder."""
    import department_for_tests

    folder = package_folder("department_for_tests")
    assert (folder / "settings.py").is_file()
    del sys.modules["department_for_tests"]
    try:
        assert package_folder("department_for_tests") == folder
    finally:
        sys.modules["department_for_tests"] = department_for_tests


def test_importing_them_imports_no_prefect():
    """Settings are read before it is known whether anything runs."""
    import subprocess

    code = "import sys, airnub_prefect.validation, airnub_prefect.settings; print('prefect' in sys.modules)"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout == "False\n"


def test_settings_without_department_have_no_name():
    """A model without department and stage has no Variable."""

    class Nobodys(StageSettings):
        pass

    with pytest.raises(AttributeError):
        Nobodys.variable()


def test_some_sources_of_a_run():
    """By name, in every category; an unknown one is a mistake, and the settings themselves stay as they are."""
    urls = ["https://example.org/a"]
    whole = IngestionSettings(
        store="data",
        files=[FileSource(name="one", urls=urls), FileSource(name="two", urls=urls)],
        apis=[ApiSource(name="three", url=urls[0])],
    )
    some = whole.only(["two", "three"], failed=True)
    assert (some.names(), some.of_files().failed) == (["two", "three"], True)
    assert (whole.names(), whole.of_files().failed) == (["one", "two", "three"], False)
    assert whole.only().names() == whole.names()
    with pytest.raises(UnknownNameError, match="source: unknown source 'thre'; did you mean 'three'"):
        whole.only(["thre"])


def test_the_former_name_of_category(tmp_path):
    """`part` returns the same configuration for one version, with a warning."""
    settings = IngestionSettings(store=str(tmp_path))
    with pytest.warns(DeprecationWarning, match=r"SourceSettings\.part is called SourceSettings\.category now"):
        assert settings.part([]) == settings.category([])
