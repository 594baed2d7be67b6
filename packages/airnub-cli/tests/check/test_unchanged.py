"""Checkouts that did not change since they were found right."""

import subprocess

import pytest
from click.testing import CliRunner

from airnub_cli.__main__ import main
from airnub_cli.cache import CACHE, NO_CACHE, Cache
from airnub_cli.check import runner
from airnub_cli.check.unchanged import checkout_digest, recall_check, remember_check
from airnub_prefect.errors import Diagnostic


@pytest.fixture
def root(checkout, monkeypatch):
    """A small workspace in git whose members can be imported."""
    for member in checkout.glob("packages/*/src/*"):
        monkeypatch.syspath_prepend(str(member.parent))
    (checkout / "configs").mkdir(exist_ok=True)
    (checkout / "configs" / "a.yaml").write_text("url: ${SHOP_URL}\n")
    (checkout / ".gitignore").write_text(".env\nignored/\n")
    subprocess.run(["git", "init", "-q", "."], cwd=checkout, check=True)
    subprocess.run(["git", "add", "."], cwd=checkout, check=True)
    monkeypatch.chdir(checkout)
    return checkout


def edited(root):
    (root / "pyproject.toml").write_text((root / "pyproject.toml").read_text() + "\n# a comment\n")


def added(root):
    (root / "new.md").write_text("")


def removed(root):
    (root / "configs" / "a.yaml").unlink()


def said_in_dotenv(root):
    (root / ".env").write_text("A=1\n")


def taken_by_git(root):
    (root / "new.md").write_text("")
    subprocess.run(["git", "add", "new.md"], cwd=root, check=True)


def executable(root):
    (root / "configs" / "a.yaml").chmod(0o755)


@pytest.mark.parametrize("change", [edited, added, removed, said_in_dotenv, taken_by_git, executable])
def test_any_change_is_another_digest(root, change):
    """Of a file that git has or would take, and of `.env`."""
    before = checkout_digest(root)
    assert before is not None
    assert checkout_digest(root) == before
    change(root)
    assert checkout_digest(root) != before


def test_the_environment_counts_as_far_as_files_read_it(root, monkeypatch):
    """A placeholder of `configs/` does; what git ignores, and a name that occurs nowhere, do not."""
    before = checkout_digest(root)
    (root / "ignored").mkdir()
    (root / "ignored" / "large").write_text("")
    monkeypatch.setenv("NAMED_NOWHERE", "1")
    assert checkout_digest(root) == before
    monkeypatch.setenv("SHOP_URL", "https://shop.example")
    assert checkout_digest(root) != before


def test_outside_of_git_nothing_is_remembered(checkout, tmp_path):
    """Nor where there is no workspace."""
    assert checkout_digest(checkout) is None
    assert checkout_digest(tmp_path) is None


def test_warnings_are_remembered_and_mistakes_are_not(tmp_path):
    """A mistake may come of something outside of the checkout."""
    cache = Cache(tmp_path)
    warning = Diagnostic("a.md", 3, "unfinished", is_warning=True)
    remember_check(cache, "one", [warning])
    remember_check(cache, "two", [warning, Diagnostic("b", None, "wrong")])
    remember_check(cache, "three", [])
    assert [recall_check(cache, name) for name in ("one", "two", "three", None)] == [[warning], None, [], None]
    assert recall_check(NO_CACHE, "one") is None


def test_a_checkout_that_is_known_is_not_looked_at_again(root, monkeypatch, tmp_path_factory):
    """Until it changes, or the cache is left aside."""
    monkeypatch.setenv(CACHE, str(tmp_path_factory.mktemp("cache")))
    looked = []
    monkeypatch.setattr(runner, "check_everything", lambda *_: looked.append(1) or [])
    for options, expected in (([], 1), ([], 1), (["--no-cache"], 2), ([], 2)):
        assert CliRunner().invoke(main, ["check", *options]).exit_code == 0
        assert len(looked) == expected
    edited(root)
    assert CliRunner().invoke(main, ["check"]).exit_code == 0
    assert len(looked) == 3
