"""The repository around a file, and the data root."""

from pathlib import Path

from airnub_common import DATA_ROOT, checkout_around, named_data_root


def test_the_nearest_checkout_counts(tmp_path):
    """A checkout is a folder with both a lock file and departments; the nearest one is returned."""
    (tmp_path / "departments").mkdir()
    file = tmp_path / "packages" / "x" / "module.py"
    assert checkout_around(file) is None
    (tmp_path / "uv.lock").touch()
    assert checkout_around(file) == tmp_path
    (tmp_path / "packages" / "departments").mkdir(parents=True)
    assert checkout_around(file) == tmp_path


def test_the_data_root_is_absolute(monkeypatch, tmp_path):
    """`~` is expanded, and a relative folder is resolved against the current one."""
    monkeypatch.delenv(DATA_ROOT, raising=False)
    assert named_data_root() is None
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(DATA_ROOT, "here")
    assert named_data_root() == tmp_path / "here"
    monkeypatch.setenv(DATA_ROOT, "~/there")
    assert named_data_root() == Path.home() / "there"
