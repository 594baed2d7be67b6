"""`.ci/plain_words.py` counts words that make text hard to read, and their numbers can only fall."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[1] / ".ci" / "plain_words.py"


def check(root, *arguments):
    """Run the script in a folder; returns its exit status and output."""
    done = subprocess.run(
        [sys.executable, root / ".ci" / "plain_words.py", *arguments], capture_output=True, text=True, check=False
    )
    assert done.stdout == ""
    return done.returncode, done.stderr


@pytest.fixture
def tree(tmp_path):
    """A page and a module with one word each, and both numbers recorded."""
    (tmp_path / ".ci").mkdir()
    shutil.copy(SCRIPT, tmp_path / ".ci")
    (tmp_path / "README.md").write_text("# Title\n\nThe user is told.\n")
    (tmp_path / "packages/one/src/one").mkdir(parents=True)
    (tmp_path / "packages/one/src/one/module.py").write_text('"""A module.\n\nFor whoever reads it.\n"""\n')
    assert check(tmp_path, "--update") == (0, "")
    return tmp_path


def test_recorded_numbers_pass(tree):
    """The list has a line for each file or member and each word."""
    assert (tree / ".ci/plain-words.txt").read_text() == "1 told README.md\n1 whoever packages/one/src\n"
    assert check(tree) == (0, "")


@pytest.mark.parametrize(
    ("path", "text", "place", "word", "line"),
    [
        ("docs/page.md", "Nobody\nis told\n", "docs/page.md", "told", 2),
        ("docs/page.md", "any value, be\nit a list\n", "docs/page.md", "be it", 1),
        ("CONTRIBUTING.md", "What it stands on.\n", "CONTRIBUTING.md", "stands on", 1),
        ("departments/two/README.md", "Ask somebody.\n", "departments/two/README.md", "somebody", 1),
        ("packages/one/src/one/new.py", 'x = 1\nHELP = "Told."\n', "packages/one/src", "told", 2),
        ("packages/one/src/one/new.py", 'x = 1\nprint(f"{x} errands")\n', "packages/one/src", "errand", 2),
        ("packages/one/src/one/new.py", "x = 1  # nobody reads it\n", "packages/one/src", "nobody", 1),
        ("packages/one/src/one/new.py", '"""Doc.\n\nThe one whoever."""\n', "packages/one/src", "whoever", 3),
    ],
)
def test_a_word_more_fails_with_its_line(tree, path, text, place, word, line):
    """In a page, a string, a docstring or a comment; an unlisted file may have none."""
    (tree / path).parent.mkdir(parents=True, exist_ok=True)
    (tree / path).write_text(text)
    status, printed = check(tree)
    assert status == 1
    assert f'{place}: expected "{word}" at most' in printed
    assert f"\n  {path}:{line}\n" in printed


def test_what_is_no_text_does_not_count(tree):
    """Names in code, longer words, and the changelog."""
    (tree / "packages/one/src/one/names.py").write_text('errand = whoever = 1\nx: "Errand" = 2\n')
    (tree / "CHANGELOG.md").write_text("Nobody was told.\n")
    (tree / "docs").mkdir()
    (tree / "docs/page.md").write_text("An untold story, maybe it ends.\n")
    assert check(tree) == (0, "")


def test_a_module_may_be_renamed(tree):
    """Words in modules are counted per member."""
    module = tree / "packages/one/src/one/module.py"
    module.rename(module.with_name("renamed.py"))
    assert check(tree) == (0, "")


def test_a_smaller_number_has_to_be_recorded(tree):
    """So that it cannot rise again; the message has the command."""
    (tree / "README.md").write_text("# Title\n\nThe message is printed.\n")
    status, printed = check(tree)
    assert status == 1
    assert 'README.md: "told" occurs 0 times, and 1 are still allowed' in printed
    assert "plain_words.py --update" in printed
    assert check(tree, "--update") == (0, "")
    assert (tree / ".ci/plain-words.txt").read_text() == "1 whoever packages/one/src\n"


def test_an_update_raises_no_number(tree):
    """A new word still fails."""
    (tree / "README.md").write_text("Told, told.\n")
    before = (tree / ".ci/plain-words.txt").read_text()
    status, printed = check(tree, "--update")
    assert (status, (tree / ".ci/plain-words.txt").read_text()) == (1, before)
    assert "at most 1 times, found it 2 times" in printed


def test_an_unknown_argument_is_refused(tree):
    """Exit status 2, as for other commands."""
    assert check(tree, "--force") == (2, "expected no argument or --update, found --force\n")
