"""The sample data of all departments at one address."""

import re
import signal
import subprocess
import sys
import urllib.request
from types import SimpleNamespace

import pytest

from airnub_cli.dev.sample_sites import together
from airnub_core.sample_site import Reply
from airnub_prefect.department import Department
from airnub_prefect.errors import ConfigurationError


def department(name, *paths):
    """A department whose demo serves these paths."""
    demo = SimpleNamespace(routes=lambda *, with_failure: {path: Reply(name.encode()) for path in paths})
    return SimpleNamespace(name=name, demo=f"{name}:DEMO", load_demo=lambda: demo)


def test_all_paths_are_there():
    """The paths of every department."""
    assert set(together([department("one", "/a", "/b"), department("two", "/c")])) == {"/a", "/b", "/c"}


def test_a_department_without_a_demo_serves_nothing():
    """The others are served."""
    assert set(together([Department("one", (), ""), department("two", "/c")])) == {"/c"}


def test_a_duplicate_path_is_an_error():
    """It is unknown which of the two should be served."""
    with pytest.raises(ConfigurationError, match=r"two.*found /a, which one serves too"):
        together([department("one", "/a"), department("two", "/a")])


REGISTRY = """
departments:
- {id: shop_of_tests, display_name: S, owner: team-s, contacts: [a@b], status: active}
- {id: closed_shop, display_name: C, owner: team-s, contacts: [a@b], status: retired}
"""
DEPARTMENT = """
from airnub_core.sample_site import Reply
from airnub_prefect.department import Department


class Demo:
    def routes(self, *, with_failure):
        return {"/shop-of-tests/a.csv": Reply(b"a\\n1\\n")}


DEMO = Demo()
DEPARTMENT = Department("shop_of_tests", (), "", "shop_of_tests.department:DEMO")
"""


def test_it_serves_the_active_departments_until_sigterm(tmp_path):
    """Not retired ones; the page at its root is Compose's health check."""
    (tmp_path / "configs").mkdir()
    (tmp_path / "configs" / "departments.yaml").write_text(REGISTRY)
    (tmp_path / "shop_of_tests").mkdir()
    (tmp_path / "shop_of_tests" / "__init__.py").touch()
    (tmp_path / "shop_of_tests" / "department.py").write_text(DEPARTMENT)
    command = [sys.executable, "-m", "airnub_cli.dev.sample_sites", str(tmp_path), "127.0.0.1", "0"]
    with subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True) as site:
        try:
            said = site.stderr.readline()
            url = re.search(r"The sample site of shop_of_tests is served on (http://\S+/)", said)[1]
            for path, expected in (("shop-of-tests/a.csv", "a\n1\n"), ("", "/shop-of-tests/a.csv")):
                with urllib.request.urlopen(f"{url}{path}", timeout=30) as answer:
                    assert expected in answer.read().decode()
        finally:
            site.send_signal(signal.SIGTERM)
    assert site.returncode == 0
