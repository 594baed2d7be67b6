"""The deployer process, which executes each order in a child of its own."""

import os
import sys

from airnub_cli.dev.deployer import _forked, deploy

ANSWER = {"status": 0, "deployed": 1, "changed": 2}


def test_a_child_returns_its_result_and_its_imports():
    """The parent is not changed."""
    sys.modules.pop("this_is_made", None)

    def work():
        sys.modules["this_is_made"] = sys
        os.environ["AIRNUB_CHILD"] = "1"
        return ANSWER

    answer, imported = _forked(work)
    assert answer == ANSWER
    assert "this_is_made" in imported
    assert "this_is_made" not in sys.modules
    assert "AIRNUB_CHILD" not in os.environ


def test_a_child_that_fails_has_a_result_too(capfd):
    """Its traceback is on stderr; stdout has only results."""

    def work():
        sys.stdout.write("for people\n")
        raise ZeroDivisionError

    answer, imported = _forked(work)
    assert answer == {"status": 1, "deployed": 0, "changed": 0}
    assert imported == []
    assert "ZeroDivisionError" in capfd.readouterr().err


def test_mistakes_are_reported_and_nothing_is_sent(checkout, capfd):
    """A repository without an environment: status 2, like `airnub apply`."""
    (checkout / "configs" / "environments").mkdir(parents=True)
    (checkout / "configs" / "environments" / "local.yaml").write_text("description: Here.\nvariable: {}\n")
    answer = deploy(checkout, checkout / "compiled.yaml", "local", always=True)
    assert answer["status"] == 2
    assert "variable" in capfd.readouterr().err
    assert not (checkout / "compiled.yaml").exists()
