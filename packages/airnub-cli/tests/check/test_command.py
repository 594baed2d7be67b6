"""The command: forms and exit statuses."""

import json

import pytest
from click.testing import CliRunner

from airnub_cli.__main__ import main
from airnub_cli.cache import CACHE, Cache
from airnub_cli.check import command, runner
from airnub_cli.check.command import annotation, report
from airnub_prefect.errors import Diagnostic


@pytest.fixture
def run(house, monkeypatch):
    """Runs `airnub check` somewhere inside the house, with mistakes that a test says."""
    monkeypatch.chdir(house.root / "departments")

    def _run(mistakes, *arguments):
        monkeypatch.setattr(runner, "check_everything", lambda root, memory: mistakes)
        return CliRunner().invoke(main, ["check", *arguments])

    return _run


def test_mistakes_are_told_and_counted(run):
    """The mistakes on stdout, how many on stderr, exit status 1."""
    done = run([Diagnostic("a.yaml", 3, "expected x"), Diagnostic("b", None, "expected y")])
    assert (done.exit_code, done.stdout, done.stderr) == (1, "a.yaml:3: expected x\nb: expected y\n", "2 mistakes\n")
    assert run([Diagnostic("a", 1, "x")]).stderr == "1 mistake\n"


def test_nothing_wrong(run):
    """Said, with exit status 0; as JSON an empty list."""
    done = run([])
    assert (done.exit_code, done.stdout, done.stderr) == (0, "", "no mistakes found\n")
    assert json.loads(run([], "--format", "json").stdout) == []


def test_warnings_are_counted_and_do_not_fail(run):
    """Exit status 0 with warnings alone; beside mistakes both are counted."""
    warning = Diagnostic("a.md", 2, "unfinished", is_warning=True)
    done = run([warning])
    assert (done.exit_code, done.stdout, done.stderr) == (0, "a.md:2: warning: unfinished\n", "1 warning\n")
    done = run([warning, warning, Diagnostic("b", None, "x")])
    assert (done.exit_code, done.stderr) == (1, "1 mistake, 2 warnings\n")


def test_for_github(run):
    """A workflow command each."""
    assert run([Diagnostic("a", 1, "x")], "--format", "github").stdout == "::error file=a,line=1::x\n"


def test_outside_of_a_workspace(run, tmp_path_factory, monkeypatch):
    """A mistake of the caller, with exit status 2."""
    monkeypatch.chdir(tmp_path_factory.mktemp("elsewhere"))
    done = run([])
    assert done.exit_code == 2
    assert "expected a uv workspace around" in done.stderr


def test_help_has_an_example():
    """As every command's."""
    assert "Example: uv run airnub check --format github" in CliRunner().invoke(main, ["check", "--help"]).stdout


def test_what_modules_print_is_no_part_of_the_answer(run, monkeypatch):
    """It is talk, and goes to stderr."""
    run([])
    monkeypatch.setattr(runner, "check_everything", lambda *_: print("imported") or [])  # noqa: T201
    done = CliRunner().invoke(main, ["check", "--format", "json"])
    assert json.loads(done.stdout) == []
    assert "imported\n" in done.stderr


@pytest.mark.parametrize("is_saved", [False, True])
def test_a_file_that_is_saved_during_the_check(run, house, monkeypatch, tmp_path, is_saved):
    """Results are cached only if the checkout is the same afterwards: they may belong to neither state."""
    monkeypatch.setenv(CACHE, str(tmp_path / "cache"))
    edited = house.root / "departments" / "edited.txt"
    edited.write_text("one")

    def check(root, cache):
        cache.put("of-tests", "digest", "right")
        assert cache.get("of-tests", "digest") == "right"
        if is_saved:
            edited.write_text("two")
        return []

    digests = {"one": "first", "two": "second"}
    monkeypatch.setattr(command, "checkout_digest", lambda *_: digests[edited.read_text()])
    monkeypatch.setattr(runner, "check_everything", check)
    assert CliRunner().invoke(main, ["check"]).exit_code == 0
    assert Cache.of_user().get("of-tests", "digest") == (None if is_saved else "right")


def test_a_module_that_changes_the_environment(run, house, monkeypatch, tmp_path):
    """As polars does when it is imported: the checkout is the same, and its results are cached."""
    monkeypatch.setenv(CACHE, str(tmp_path / "cache"))
    monkeypatch.delenv("SET_BY_A_MODULE", raising=False)
    seen = []

    def check(root, cache):
        cache.put("of-tests", "digest", "right")
        monkeypatch.setenv("SET_BY_A_MODULE", "1")
        return []

    def digest(root, environment):
        seen.append(environment.get("SET_BY_A_MODULE"))
        return f"digest {seen[-1]}"

    monkeypatch.setattr(command, "checkout_digest", digest)
    monkeypatch.setattr(runner, "check_everything", check)
    assert CliRunner().invoke(main, ["check"]).exit_code == 0
    assert seen == [None, None]
    assert Cache.of_user().get("of-tests", "digest") == "right"


WARNING, MISTAKE = Diagnostic("a.md", 3, "unfinished", is_warning=True), Diagnostic("a.md", 3, "unfinished")


def test_a_warning_says_so():
    """Between its place and its text, as compilers do; without a line, too."""
    assert str(WARNING) == "a.md:3: warning: unfinished"
    assert str(Diagnostic("a.md", None, "x", is_warning=True)) == "a.md: warning: x"


def test_a_warning_is_not_a_mistake_of_the_same_text():
    """Both are kept where both are found."""
    assert WARNING != MISTAKE


MISTAKES = [Diagnostic("a/b.yaml", 3, "expected 5%,\nfound: 6"), Diagnostic("c,d:e", None, "missing")]


def test_as_text():
    """A line each, as editors understand them."""
    assert report(MISTAKES[1:], "text") == "c,d:e: missing"
    assert report([Diagnostic("a", 1, "x"), Diagnostic("b", 2, "y")], "text") == "a:1: x\nb:2: y"


def test_as_json():
    """One list, empty where nothing is wrong."""
    assert json.loads(report(MISTAKES, "json"))[0] == {
        "file": "a/b.yaml",
        "line": 3,
        "message": "expected 5%,\nfound: 6",
        "severity": "error",
    }
    assert json.loads(report([], "json")) == []


def test_as_annotations():
    """Signs that GitHub would misread are escaped."""
    assert annotation(MISTAKES[0]) == "::error file=a/b.yaml,line=3::expected 5%25,%0Afound: 6"
    assert annotation(MISTAKES[1]) == "::error file=c%2Cd%3Ae::missing"
    assert report(MISTAKES, "github").count("::error ") == 2


def test_warnings():
    """Each form says that it is not a mistake."""
    warning = Diagnostic("a.md", 2, "x, y", is_warning=True)
    assert report([warning], "text") == "a.md:2: warning: x, y"
    assert json.loads(report([warning], "json")) == [
        {"file": "a.md", "line": 2, "message": "x, y", "severity": "warning"}
    ]
    assert report([warning], "github") == "::warning file=a.md,line=2::x, y"
