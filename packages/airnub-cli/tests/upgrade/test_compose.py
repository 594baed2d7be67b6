"""Docker Compose's commands, with a program `docker` that answers as Compose does; tests/docker has a real one."""

import pytest

from airnub_cli.upgrade.compose import ComposeProject

CONFIGURATION = {"name": "demo", "services": {"a": {"image": "i"}, "b": {"image": "i", "depends_on": {"a": {}}}}}


@pytest.mark.parametrize(("counted", "expected"), [("", True), ('case "$given" in *depends_on*) hash=2;; esac', False)])
def test_whether_dependencies_count_in_the_digests(counted, expected, tmp_path, monkeypatch):
    """Compose 2.29.3 and later ignore them; earlier versions count them."""
    program = tmp_path / "docker"
    program.write_text(f'#!/bin/sh\nread -r given\nhash=1\n{counted}\necho "a 1"\necho "b $hash"\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")
    assert ComposeProject(tmp_path).ignores_dependencies(CONFIGURATION) is expected
