"""The process that deploys: each order by a child of its own."""

import os
import sys

from airnub_cli.dev.deployer import _forked, deploy

ANSWER = {"status": 0, "deployed": 1, "changed": 2}


def test_a_child_answers_and_tells_what_it_imported():
    """And changes nothing here."""
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


def test_a_child_that_fails_is_an_answer_too(capfd):
    """With its traceback on stderr, and nothing on stdout, which is for answers."""

    def work():
        sys.stdout.write("for people\n")
        raise ZeroDivisionError

    answer, imported = _forked(work)
    assert answer == {"status": 1, "deployed": 0, "changed": 0}
    assert imported == []
    assert "ZeroDivisionError" in capfd.readouterr().err


def test_mistakes_are_told_and_nothing_is_sent(checkout, capfd):
    """A repository without an environment: status 2, as that of `airnub apply`."""
    (checkout / "configs" / "environments").mkdir(parents=True)
    (checkout / "configs" / "environments" / "local.yaml").write_text("description: Here.\nvariable: {}\n")
    answer = deploy(checkout, checkout / "compiled.yaml", "local", always=True)
    assert answer["status"] == 2
    assert "variable" in capfd.readouterr().err
    assert not (checkout / "compiled.yaml").exists()
