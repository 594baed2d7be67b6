"""Stage settings."""

import sys

import pytest
from department_for_tests.settings import CountingSettings, IngestionSettings
from pydantic import ValidationError

from airnub_core import ApiSource, FileSource
from airnub_core.sources.settings import Auth
from airnub_prefect import settings as settings_module
from airnub_prefect.settings import SourcesPart, StageSettings, package_folder


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
    """Each that comes again is told at its own place, across categories and whatever the case."""
    with pytest.raises(ValidationError) as error:
        IngestionSettings(
            store="x",
            files=[file_source("A"), file_source("b"), file_source("a")],
            apis=[ApiSource(name="B", url="http://a/")],
        )
    same = "expected names of sources to differ, and that of files.{} is the same"
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


def test_a_part_is_plain_and_complete(data_root):
    """What a category is told has all that it needs, and can be written down and read again."""
    settings = IngestionSettings(store="data/x", files=[file_source("a")])
    part = settings.of_files()
    assert part.store_path() == data_root / "data" / "x"
    assert part.package == "department_for_tests"
    again = SourcesPart[FileSource].model_validate_json(part.model_dump_json())
    assert (again.sources, again.network) == (part.sources, part.network)


def test_secrets_are_named():
    """All that the sources refer to, for whoever wants to know before anything runs."""
    auth = [Auth(block=f"secret/{name}") for name in "ab"]
    apis = [ApiSource(name=one.block[-1], url="http://a/", auth=one) for one in auth]
    settings = IngestionSettings(
        store="x", files=[file_source("f")], apis=[*apis, ApiSource(name="c", url="http://a/")]
    )
    assert settings.secrets() == ["secret/a", "secret/b"]


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


def test_settings_of_nobody_have_no_name():
    """A stage that does not say whose it is has no Variable."""

    class Nobodys(StageSettings):
        pass

    with pytest.raises(AttributeError):
        Nobodys.variable()
