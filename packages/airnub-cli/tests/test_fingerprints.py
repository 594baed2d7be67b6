"""Fingerprints: another one for every change of what importing a department does, and the same for all others."""

import pytest

from airnub_cli.fingerprints import Fingerprints, machinery
from airnub_cli.workspace import Workspace


@pytest.fixture
def top(checkout, monkeypatch):
    """Asks for the fingerprint of the department, which stands on `middle` and that on `base`."""
    for folder in ("packages/base", "packages/middle", "departments/top_one"):
        monkeypatch.syspath_prepend(checkout / folder / "src")

    def ask(*more):
        workspace = Workspace.around(checkout)
        return Fingerprints(workspace).of(workspace.named("top_one"), *more)

    return ask


@pytest.mark.parametrize(
    "path",
    [
        "departments/top_one/src/top_one/__init__.py",
        "departments/top_one/src/top_one/new.py",
        "departments/top_one/src/top_one/data/urls.txt",
        "packages/middle/src/middle/__init__.py",
        "packages/base/src/base/deep/new.py",
    ],
)
def test_sources_of_all_that_it_stands_on(top, checkout, path):
    """Be they edited, added or removed."""
    before = top()
    assert before == top()
    file = checkout / path
    was = file.read_bytes() if file.is_file() else None
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("changed = 1\n")
    assert top() != before
    file.unlink() if was is None else file.write_bytes(was)
    assert top() == before


@pytest.mark.parametrize(
    "path",
    [
        "departments/top_one/README.md",
        "departments/top_one/tests/test_it.py",
        "departments/top_one/src/top_one/__pycache__/x.pyc",
    ],
)
def test_what_is_not_imported(top, checkout, path):
    """It changes nothing."""
    before = top()
    file = checkout / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("changed = 1\n")
    assert top() == before


def test_another_text(top):
    """What is said to decide as well."""
    assert top("a") != top("b")


def test_the_environment_of_those_that_look_at_it(top, checkout, monkeypatch):
    """No other department has another fingerprint in another shell."""
    before = top()
    monkeypatch.setenv("SOMETHING", "1")
    assert top() == before
    (checkout / "packages/base/src/base/__init__.py").write_text("import os\nWHAT = os.environ.get('SOMETHING')\n")
    first = top()
    monkeypatch.setenv("SOMETHING", "2")
    assert top() != first


def test_links_and_what_is_not_installed_are_not_known(top, checkout):
    """What cannot be seen as a whole has no fingerprint."""
    assert top() is not None
    (checkout / "packages/base/src/base/link.py").symlink_to(checkout / "pyproject.toml")
    assert top() is None
    (checkout / "packages/base/src/base/link.py").unlink()
    (checkout / "packages/base/src/base/__init__.py").unlink()
    assert top() is None


def test_what_python_finds_first_counts(top, checkout, tmp_path_factory, monkeypatch):
    """Sources that nobody imports decide nothing."""
    before = top()
    elsewhere = tmp_path_factory.mktemp("installed")
    (elsewhere / "base").mkdir()
    (elsewhere / "base" / "__init__.py").write_text("other = 1\n")
    monkeypatch.syspath_prepend(elsewhere)
    other = top()
    assert other != before
    (checkout / "packages/base/src/base/__init__.py").write_text("changed = 1\n")
    assert top() == other


def test_machinery(monkeypatch, tmp_path):
    """Versions of what is installed, and what is said to us and to Prefect; but not where answers are kept."""
    before = machinery()
    monkeypatch.setenv("AIRNUB_CACHE", "elsewhere")
    monkeypatch.setenv("SOMETHING", "1")
    assert machinery() == before
    monkeypatch.setenv("PREFECT_SOMETHING", "1")
    assert machinery() != before
    monkeypatch.delenv("PREFECT_SOMETHING")
    (tmp_path / "prefect-99.0.dist-info").mkdir()
    monkeypatch.syspath_prepend(tmp_path)
    assert machinery() != before
