"""Stages that start when the run of the stage before has completed."""

from pathlib import Path

import pytest

from airnub_cli.check.check_warning import CheckWarning
from airnub_cli.check.old_triggers import check_triggers
from airnub_cli.check.runner import check_everything
from airnub_cli.compile.department_file import read_source

OLD = """\
    triggers:
      - name: {stage}-after
        type: event
        enabled: true
        match: {{prefect.resource.id: "prefect.flow-run.*"}}
        match_related: {{prefect.resource.role: deployment, prefect.resource.name: alpha-dept-{before}}}
        expect: [prefect.flow-run.Completed]
"""
NEW = """\
    triggers:
      - name: {stage}-after
        type: event
        enabled: true
        match: {{prefect.resource.id: "airnub.ingestion.alpha_dept", airnub.within: stage}}
        expect: [airnub.ingestion.ended]
"""


def deployments(form, *others):
    """A department's file: an ingestion, and stages that start by a trigger of this form."""
    text = "pull: []\ndeployments:\n  - name: alpha-dept-ingestion\n"
    for stage, before in (("processing", "ingestion"), ("analysis", "processing")):
        text += f"  - name: alpha-dept-{stage}\n" + form.format(stage=stage, before=before)
    return text + "".join(others)


@pytest.fixture
def warnings(tmp_path):
    """What is reported of such a file."""

    def look(text):
        path = tmp_path / "prefect.yaml"
        path.write_text(text)
        return list(check_triggers([read_source("alpha_dept", None, path)]))

    return look


def test_the_old_form_is_reported_once(warnings):
    """For all stages together, at the first trigger, with what brings the new one."""
    [found] = warnings(deployments(OLD))
    assert isinstance(found, CheckWarning)
    assert (Path(found.where).name, found.line) == ("prefect.yaml", 6)
    assert found.message.startswith("alpha-dept-processing and alpha-dept-analysis: the trigger is of the old form")
    assert "`airnub template update`" in found.message


def test_other_triggers_are_not(warnings):
    """Events of the new form; and whatever else waits for a run, such as that of another department."""
    assert warnings(deployments(NEW)) == []
    other = OLD.format(stage="repair", before="repair").replace("alpha-dept-repair", "beta-dept-ingestion")
    assert warnings(deployments(NEW, "  - name: alpha-dept-repair\n", other)) == []
    assert warnings("deployments: 5\n") == []


def test_it_is_a_part_of_every_check(house):
    """A warning, beside whatever mistakes there are."""
    path = "departments/alpha_dept/prefect.yaml"
    house.write(path, (house.root / path).read_text() + OLD.format(stage="ingestion", before="processing"))
    found = [one for one in check_everything(house.root) if isinstance(one, CheckWarning)]
    assert [one.message.partition(":")[0] for one in found if "old form" in one.message] == ["alpha-dept-ingestion"]
