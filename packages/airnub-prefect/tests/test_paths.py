"""Where a checkout is, and where data lies."""

from pathlib import Path

import pytest

from airnub_prefect import paths
from airnub_prefect.errors import ConfigurationError
from airnub_prefect.paths import variable_of, yaml_name_of
from airnub_prefect.settings import StageSettings


@pytest.fixture
def outside(monkeypatch, tmp_path):
    """The package as if it were installed without a checkout."""
    monkeypatch.setattr(paths, "__file__", str(tmp_path / "paths.py"))
    monkeypatch.delenv("AIRNUB_DATA_ROOT", raising=False)


def test_the_checkout_is_around_the_package(monkeypatch, tmp_path):
    """The nearest folder with a lock and departments is the checkout."""
    (tmp_path / "departments").mkdir()
    (tmp_path / "uv.lock").touch()
    monkeypatch.setattr(paths, "__file__", str(tmp_path / "packages" / "x" / "paths.py"))
    monkeypatch.delenv("AIRNUB_DATA_ROOT", raising=False)
    assert paths.checkout() == paths.data_root() == tmp_path


def test_the_data_root_is_named(data_root):
    """What the environment names comes first, and relative paths are below it."""
    assert paths.data_root() == data_root
    assert paths.data_path("data/x") == data_root / "data" / "x"
    assert paths.data_path("/data/x") == Path("/data/x")


def test_a_data_root_is_absolute(monkeypatch, tmp_path):
    """A relative one is below the current folder, `~` is the user's home."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AIRNUB_DATA_ROOT", "here")
    assert paths.data_root() == tmp_path / "here"
    monkeypatch.setenv("AIRNUB_DATA_ROOT", "~/there")
    assert paths.data_root() == Path.home() / "there"


@pytest.mark.usefixtures("outside")
def test_nowhere_to_put_data():
    """Without a checkout and a data root the message says what to set; absolute paths need neither."""
    assert paths.checkout() is None
    with pytest.raises(
        ConfigurationError, match=r"AIRNUB_DATA_ROOT: .*expected it to name the folder for data.*; set it"
    ):
        paths.data_path("data/x")
    assert paths.data_path("/data") == Path("/data")


def test_paths_as_people_type_them(monkeypatch, tmp_path):
    """Below the current folder a path is relative."""
    monkeypatch.chdir(tmp_path)
    assert paths.shown(tmp_path / "a" / "b") == "a/b"
    assert paths.shown(tmp_path.parent) == str(tmp_path.parent)


def test_names_are_those_of_the_model():
    """They can be printed without importing the model."""

    class Settings(StageSettings, department="orders", stage="ingestion"):
        pass

    assert Settings.variable() == variable_of("orders", "ingestion") == "dept_orders_ingestion_config"
    assert Settings.yaml_name() == yaml_name_of("orders", "ingestion") == "configs/variables/orders/ingestion.yaml"
