"""Errors of imports: the place of the wrong statement, and what to do about it."""

import importlib
import sys

import pytest

from airnub_cli.import_errors import declared_by, import_mistake, undeclared
from airnub_prefect.errors import Diagnostic

OTHERWISE = Diagnostic("prefect.yaml", 3, "expected an importable flow")


@pytest.fixture
def member(tmp_path, monkeypatch):
    """A member with a module that imports one with a mistake."""
    package = tmp_path / "member" / "src" / "member_of_import_errors"
    package.mkdir(parents=True)
    (tmp_path / "member" / "pyproject.toml").write_text('[project]\nname = "some-member"\ndependencies = ["click"]\n')
    (package / "__init__.py").write_text("")
    (package / "flows.py").write_text("import member_of_import_errors.wrong\n")
    monkeypatch.syspath_prepend(str(package.parent))
    monkeypatch.chdir(tmp_path)
    yield package
    for name in [one for one in sys.modules if one.startswith(package.name)]:
        del sys.modules[name]


def mistake(member, text):
    """The mistake of a module with this text, after a first line."""
    (member / "wrong.py").write_text(f"import json\n{text}\n")
    importlib.invalidate_caches()
    with pytest.raises((Exception, SystemExit)) as caught:
        importlib.import_module(f"{member.name}.flows")
    return import_mistake(caught.value, OTHERWISE)


WRONG = "member/src/member_of_import_errors/wrong.py"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "import member_of_import_errors.gone",
            "importing raises ModuleNotFoundError: No module named 'member_of_import_errors.gone'; correct the import",
        ),
        (
            "from member_of_import_errors.flows import Gone",
            "importing raises ImportError: cannot import name 'Gone' from partially initialized module "
            "'member_of_import_errors.flows' (most likely due to a circular import) "
            "(member/src/member_of_import_errors/flows.py); correct the import",
        ),
        (
            "import not_installed_here",
            "some-member imports not_installed_here, and does not declare not-installed-here; "
            "`uv add --package some-member not-installed-here`",
        ),
        (
            "from ...... import gone",
            "importing raises ImportError: attempted relative import beyond top-level package; correct the import",
        ),
        ("1 / 0", "importing raises ZeroDivisionError: division by zero"),
        ("json.loads('{')", "importing raises JSONDecodeError: Expecting property name enclosed in double quotes: "),
        ("def (:", "broken Python: invalid syntax"),
        ("exec(compile('1 / 0', 'made.py', 'exec'))", "importing raises ZeroDivisionError: division by zero"),
        ("raise ImportError('no licence')", "importing raises ImportError: no licence; `uv sync --all-packages` in"),
    ],
)
def test_the_statement_that_is_wrong(member, text, message):
    """Its file and line, whatever imports it."""
    found = mistake(member, text)
    assert (found.where, found.line) == (WRONG, 2)
    assert found.message.startswith(message)


def test_a_declared_package_is_not_installed(member):
    """It may have any module, so the advice is to install."""
    (member.parents[1] / "pyproject.toml").write_text(
        '[project]\nname = "some-member"\ndependencies = ["not-installed-at-all"]\n'
    )
    assert mistake(member, "import not_installed_here").message == (
        "importing raises ModuleNotFoundError: No module named 'not_installed_here'; `uv sync --all-packages` installs "
        "what departments need"
    )


def test_a_module_that_does_not_exist():
    """No statement of the workspace is wrong."""
    with pytest.raises(ModuleNotFoundError) as caught:
        importlib.import_module("member_of_import_errors_gone.flows")
    assert import_mistake(caught.value, OTHERWISE) is OTHERWISE


def test_declared_packages(tmp_path):
    """Of extras too, and of groups for tests only; by the distribution that has the module."""
    pyproject = tmp_path / "pyproject.toml"
    pyproject.write_text(
        '[project]\nname = "a"\ndependencies = ["PyYAML>=6"]\noptional-dependencies = {more = ["Click"]}\n'
        '[dependency-groups]\ntest = ["pytest", {include-group = "x"}]\n'
    )
    assert declared_by(pyproject) == {"pyyaml", "click"}
    assert declared_by(pyproject, for_tests=True) == {"pyyaml", "click", "pytest"}
    providers = {"yaml": ["PyYAML"]}
    assert undeclared("a", {"pyyaml"}, "yaml.nodes", providers) is None
    message = undeclared("a", set(), "yaml.nodes", providers)
    assert message == "a imports yaml.nodes, and does not declare pyyaml; `uv add --package a pyyaml`"
