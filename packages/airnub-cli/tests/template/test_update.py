"""Updates of departments with changes of their own to the present template."""

import pytest

from airnub_cli.template.history import tree_here, tree_of
from airnub_cli.template.update import standings, update
from airnub_cli.workspace import WorkspaceError
from airnub_cli.workspace_copy import WorkspaceCopy


def states(house, *names):
    """The state of each department, and of its files."""
    return {
        one.department: (one.state, {file.path.rpartition("/")[2]: str(file.state) for file in one.differences})
        for one in standings(house.workspace, names)
    }


def test_unchanged_departments(house):
    """The owner tags of deployments are no change."""
    assert states(house) == {"alpha": ("current", {}), "beta": ("current", {})}
    done = update(house.workspace)
    assert (done.written, done.warning) == ([], None)


def test_one_was_changed_by_hand_and_the_other_was_not(house):
    """Both get the template's change, and the department's own is kept."""
    house.tasks("alpha", "one = 1", "one = 'alpha'")
    house.write("configs/variables/alpha/ingestion.yaml", "store: elsewhere\n")
    house.tasks("_template", "five = 5", "five = 55")
    house.write("departments/_template/src/department_template/new.py", '"""New in department_template."""\n')
    (house.root / "departments/_template/src/department_template/more.py").unlink()
    house.commit()
    assert states(house) == {
        "alpha": (
            "merges",
            {"tasks.py": "merges", "new.py": "behind", "more.py": "behind", "ingestion.yaml": "changed"},
        ),
        "beta": ("behind", {"tasks.py": "behind", "new.py": "behind", "more.py": "behind"}),
    }
    update(house.workspace)
    assert (
        house.read("departments/alpha/src/alpha/tasks.py") == "one = 'alpha'\ntwo = 2\nthree = 3\nfour = 4\nfive = 55\n"
    )
    assert house.read("departments/beta/src/beta/new.py") == '"""New in beta."""\n'
    assert not (house.root / "departments/alpha/src/alpha/more.py").exists()
    assert house.read("configs/variables/alpha/ingestion.yaml") == "store: elsewhere\n"
    assert f'tree = "{tree_here(house.root)}"' in house.read("departments/alpha/template.toml")
    assert states(house)["beta"] == ("current", {})
    assert states(house)["alpha"][0] == "changed"


def test_the_same_place_changed_by_both(house):
    """Marked by git; clean files are merged, and other departments are not affected."""
    house.tasks("alpha", "one = 1", "one = 'alpha'")
    house.tasks("_template", "one = 1", "one = 11")
    house.commit()
    done = update(house.workspace, ["alpha"])
    assert [one.state for one in done.standings] == ["conflict"]
    text = house.read("departments/alpha/src/alpha/tasks.py")
    assert text.startswith("<<<<<<< department\none = 'alpha'\n=======\none = 11\n>>>>>>> template\ntwo = 2\n")
    assert states(house, "beta") == {"beta": ("behind", {"tasks.py": "behind"})}


def test_unresolved_conflicts(house):
    """Nothing is merged before, and nothing is missing afterwards."""
    house.tasks("alpha", "one = 1", "one = 'alpha'")
    house.tasks("_template", "one = 1", "one = 11")
    house.commit()
    update(house.workspace, ["alpha"])
    house.tasks("_template", "five = 5", "five = 55")
    house.write("departments/_template/src/department_template/more.py", '"""Other of department_template."""\n')
    house.commit()
    marked = house.read("departments/alpha/src/alpha/tasks.py")
    assert states(house, "alpha") == {"alpha": ("unresolved", {"tasks.py": "unresolved", "more.py": "behind"})}
    assert update(house.workspace, ["alpha"]).written == []
    assert house.read("departments/alpha/src/alpha/tasks.py") == marked
    house.write("departments/alpha/src/alpha/tasks.py", "one = 'alpha'\ntwo = 2\nthree = 3\nfour = 4\nfive = 5\n")
    house.commit()
    update(house.workspace, ["alpha"])
    assert house.read("departments/alpha/src/alpha/tasks.py").endswith("five = 55\n")
    assert "Other of alpha" in house.read("departments/alpha/src/alpha/more.py")


def test_decisions_are_kept(house):
    """A file that a department removed is reported only once."""
    (house.root / "departments/alpha/src/alpha/tasks.py").unlink()
    house.tasks("_template", "one = 1", "one = 11")
    house.commit()
    update(house.workspace)
    assert not (house.root / "departments/alpha/src/alpha/tasks.py").exists()
    assert states(house)["alpha"] == ("changed", {"tasks.py": "changed"})


def test_a_department_without_a_record(house):
    """It is skipped, unless a base is given, which is then recorded."""
    (house.root / "departments/alpha/template.toml").unlink()
    house.commit()
    before = tree_of(house.root, "HEAD")
    house.tasks("_template", "one = 1", "one = 11")
    house.commit()
    assert states(house, "alpha") == {"alpha": ("unknown", {})}
    assert not any("alpha" in path for path in update(house.workspace).written)
    done = update(house.workspace, ["alpha"], before)
    assert set(done.written) == {"departments/alpha/src/alpha/tasks.py", "departments/alpha/template.toml"}
    assert states(house, "alpha") == {"alpha": ("current", {})}


def test_an_invalid_merge_is_written_with_a_warning(house, monkeypatch):
    """The template's change may need something that the department changed."""

    def refuse(self):
        raise WorkspaceError("no such module")

    monkeypatch.setattr(WorkspaceCopy, "settle", refuse)
    house.tasks("_template", "one = 1", "one = 11")
    house.commit()
    done = update(house.workspace)
    assert done.warning == "no such module"
    assert house.read("departments/beta/src/beta/tasks.py").startswith("one = 11\n")


def test_edits_follow_renames(house):
    """Of a file that the template renamed, and of one that the department renamed."""
    house.tasks("alpha", "one = 1", "one = 'alpha'")
    house.git("mv", "departments/alpha/src/alpha/more.py", "departments/alpha/src/alpha/mine.py")
    house.git("mv", "departments/_template/src/department_template/tasks.py",
              "departments/_template/src/department_template/work.py")  # fmt: skip
    house.write(
        "departments/_template/src/department_template/more.py", '"""More of department_template."""\n\nX = 1\n'
    )
    house.commit()
    done = update(house.workspace, ["alpha"])
    assert [one.state for one in done.standings] == ["merges"]
    assert house.read("departments/alpha/src/alpha/work.py").startswith("one = 'alpha'\n")
    assert not (house.root / "departments/alpha/src/alpha/tasks.py").exists()
    assert house.read("departments/alpha/src/alpha/mine.py") == '"""More of alpha."""\n\nX = 1\n'
    house.commit()
    assert update(house.workspace).standings[0].state == "changed"


def test_a_template_that_git_lost(house):
    """An unknown template of one department, after a rewritten history, does not stop updates of others."""
    house.write("departments/alpha/template.toml", f'tree = "{"0" * 40}"\n')
    house.tasks("_template", "one = 1", "one = 11")
    house.commit()
    done = update(house.workspace)
    alpha, beta = done.standings
    assert (alpha.state, beta.state) == ("unknown", "behind")
    assert "the department was made from: --base REF" in alpha.lost
    assert not any("alpha" in path for path in done.written)
    assert house.read("departments/beta/src/beta/tasks.py").startswith("one = 11\n")


@pytest.mark.parametrize("name", ["_template", "department-template", "nobody"])
def test_names_that_are_not_departments(house, name):
    """The template is not compared with itself."""
    with pytest.raises(WorkspaceError, match=r"expected a (department|member)"):
        standings(house.workspace, [name])


OLD_NAMES = "from airnub_core.datasets import Dataset\nfrom airnub_core.tables import Column, read_csv\n"


def test_names_that_moved(house):
    """Imports are rewritten in sources and tests, the dependency is declared, and the rest is named with its line."""
    project = (
        '[project]\nname = "alpha"\nversion = "0"\ndependencies = [\n    "airnub-core[tables]",\n]\n'
        "[tool.uv.sources]\nairnub-core = { workspace = true }\n"
    )
    house.write("departments/alpha/pyproject.toml", project)
    house.write("departments/alpha/src/alpha/datasets.py", OLD_NAMES)
    house.write("departments/alpha/tests/test_datasets.py", "from airnub_core.tables import Column\n")
    house.write("departments/alpha/tests/latin.py", "")
    (house.root / "departments/alpha/tests/latin.py").write_bytes("# ü\n".encode("latin-1"))
    house.commit()
    done = update(house.workspace)
    assert done.left == [
        "departments/alpha/src/alpha/datasets.py:1: read_csv of airnub_core.tables has no successor in airnub_data: "
        "set `reader=Csv()` in the Dataset"
    ]
    assert house.read("departments/alpha/src/alpha/datasets.py") == (
        "from airnub_core.tables import read_csv\nfrom airnub_data import Column, Dataset\n"
    )
    assert house.read("departments/alpha/tests/test_datasets.py") == "from airnub_data import Column\n"
    assert '    "airnub-core",\n    "airnub-data",\n' in house.read("departments/alpha/pyproject.toml")
    assert "airnub-data = { workspace = true }\n" in house.read("departments/alpha/pyproject.toml")
    house.commit()
    again = update(house.workspace)
    assert (again.written, again.left) == ([], done.left)


def test_names_stay_while_the_template_uses_them(house):
    """The template shows which names the packages here have."""
    house.write("departments/_template/src/department_template/datasets.py", OLD_NAMES)
    house.write("departments/alpha/src/alpha/datasets.py", OLD_NAMES)
    house.commit()
    done = update(house.workspace, ["alpha"])
    assert (done.left, house.read("departments/alpha/src/alpha/datasets.py")) == ([], OLD_NAMES)


def test_names_of_a_department_with_conflicts_stay(house):
    """It is skipped until they are resolved."""
    house.tasks("alpha", "one = 1", "one = 'alpha'")
    house.tasks("_template", "one = 1", "one = 11")
    house.commit()
    update(house.workspace, ["alpha"])
    house.write("departments/alpha/src/alpha/datasets.py", OLD_NAMES)
    house.commit()
    done = update(house.workspace, ["alpha"])
    assert (done.written, done.left) == ([], [])


OLD = """\
name: department-template

deployments:
  - name: department-template-processing
    description: What was ingested becomes typed datasets.
    entrypoint: department_template.flows.processing.processing
    tags: [airnub, department:department_template, stage:processing]
    triggers:
      - name: department-template-processing-after-ingestion
        type: event
        enabled: true
        posture: Reactive
        match: {prefect.resource.id: "prefect.flow-run.*"}
        match_related: {prefect.resource.role: deployment, prefect.resource.name: department-template-ingestion}
        expect: [prefect.flow-run.Completed]
"""
EVENTS = """\
        match: {prefect.resource.id: airnub.ingestion.department_template, airnub.within: stage}
        expect: [airnub.ingestion.ended]
"""
SCHEDULE = '    schedules:\n      - {slug: daily, cron: "47 6 * * *", timezone: Etc/UTC, active: true}\n'


def test_old_triggers_become_those_that_wait_for_events(house):
    """With a schedule; the department's own description and disabled triggers are kept."""

    def as_alpha(text):
        for template, alpha in (
            ("department:department_template,", "department:alpha, owner:team,"),
            ("department_template", "alpha"),
            ("department-template", "alpha"),
            ("What was ingested", "Orders and what they cost"),
            ("enabled: true", "enabled: false"),
        ):
            text = text.replace(template, alpha)
        return text

    house.write("departments/_template/prefect.yaml", OLD)
    house.commit()
    update(house.workspace, ["alpha"])
    house.write("departments/alpha/prefect.yaml", as_alpha(OLD))
    house.commit()
    new = OLD.partition("        match:")[0].replace("    triggers:\n", f"{SCHEDULE}    triggers:\n") + EVENTS
    house.write("departments/_template/prefect.yaml", new)
    house.commit()
    update(house.workspace, ["alpha"])
    assert house.read("departments/alpha/prefect.yaml") == as_alpha(new)


def test_names_of_the_engine_that_changed(house):
    """Imports and uses are rewritten; the department keeps its dependencies."""
    house.write("departments/alpha/src/alpha/report.py", "from airnub_core import Kind\n\nX = Kind.STORED\n")
    house.write("departments/alpha/tests/test_report.py", "from airnub_core.results import write_result\n")
    house.commit()
    assert update(house.workspace).left == []
    assert (
        house.read("departments/alpha/src/alpha/report.py") == "from airnub_core import Status\n\nX = Status.STORED\n"
    )
    assert house.read("departments/alpha/tests/test_report.py") == "from airnub_core.outcome import write_result\n"
    house.commit()
    assert update(house.workspace).written == []
