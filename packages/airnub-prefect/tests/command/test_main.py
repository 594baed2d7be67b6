"""The commands of a department."""

import subprocess
import sys
from dataclasses import replace

import click
import pytest
from click.testing import CliRunner
from department_for_tests.department import DEPARTMENT

from airnub_prefect.command.main import group


@pytest.fixture
def invoke(monkeypatch, tmp_path):
    """Run the command in this process."""
    monkeypatch.chdir(tmp_path)
    return lambda *arguments: CliRunner().invoke(group(DEPARTMENT), list(map(str, arguments)))


def commands(command=None, words=()):
    """Every command with the words that call it."""
    command = command or group(DEPARTMENT)
    if isinstance(command, click.Group):
        return [one for name, inner in command.commands.items() for one in commands(inner, (*words, name))]
    return [words]


@pytest.mark.parametrize("words", commands(), ids=" ".join)
def test_help_has_an_example(invoke, words):
    """Each command has a description and an example."""
    answer = invoke(*words, "--help")
    assert answer.exit_code == 0
    assert f"Example: uv run department-for-tests {' '.join(words)}" in answer.stdout


@pytest.mark.parametrize("words", [(), ("store",), ("dataset",)], ids=" ".join)
def test_the_list_of_commands_is_complete(invoke, words):
    """No description is cut on a terminal of 80 columns."""
    answer = invoke(*words, "--help")
    assert "..." not in answer.stdout.partition("Commands:")[2]
    assert "Example: uv run department-for-tests " in answer.stdout


def test_all_commands():
    """The commands are those of the design."""
    assert sorted(" ".join(words) for words in commands()) == [
        "dataset history",
        "dataset ls",
        "dataset quarantine",
        "dataset release",
        "dataset rollback",
        "dataset show",
        "dataset vacuum",
        "demo",
        "housekeeping",
        "list",
        "run",
        "site",
        "store failed",
        "store forget",
        "store gc",
        "store log",
        "store ls",
        "store partials",
        "store reindex",
        "store show",
        "store verify",
    ]


def test_without_a_demo_there_is_no_site():
    """All other commands are there."""
    without = group(replace(DEPARTMENT, demo=None)).commands
    assert sorted({words[0] for words in commands()} - without.keys()) == ["demo", "site"]


@pytest.mark.parametrize("words", [("runn",), ("run", "nothing"), ("run", "counting", "--forse"), ("store",)])
def test_usage_errors(invoke, words):
    """The exit status is 2, and valid values are named."""
    answer = invoke(*words)
    assert answer.exit_code == 2
    assert answer.stdout == ""
    assert "Usage: " in answer.stderr


def test_a_stage_that_is_not_there(invoke):
    """The stages are named, and the pipeline, which `list` shows too."""
    assert "'ingestion', 'counting', 'sync', 'pipeline'" in invoke("run", "ingest").stderr


@pytest.mark.parametrize("words", [("run",), ("run", "pipeline")])
def test_the_pipeline_is_run_by_name_and_without_a_stage(invoke, words, monkeypatch):
    """Both run all stages. A file of settings is that of one stage, so `--config` needs its name."""
    monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:9/api")
    answer = invoke(*words)
    assert answer.exit_code == 1
    assert "expected a Prefect server at http://127.0.0.1:9/api" in answer.stderr
    answer = invoke(*words, "--config", "a.yaml")
    assert answer.exit_code == 2
    assert "name the stage (ingestion, counting, sync)" in answer.stderr


@pytest.mark.usefixtures("variables")
def test_the_document_of_a_pipeline_is_alone_on_stdout(command, prefect_api):
    """Without settings, stdout is empty and the exit status is 2."""
    done = command("run", "--json", PREFECT_API_URL=prefect_api)
    assert (done.returncode, done.stdout) == (2, "")
    assert "department_for_tests ingestion: no settings found" in done.stderr


WRONG = """\
stroe: x
network:
  attempts: many
files:
  - {name: a, urls: ['http://a/'], name: b}
"""


def test_wrong_configuration(command, written, tmp_path):
    """Every mistake at once with file and line, status 2, and nothing was run: no server, no store, no home."""
    config = written(WRONG)
    done = command("run", "ingestion", "--config", config, "--json")
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.splitlines() == [
        f"{config}:1: missing key 'store'",
        f"{config}:1: unknown key 'stroe'; did you mean 'store'?",
        f"{config}:3: network.attempts: expected a valid integer, found 'many'",
        f"{config}:5: duplicate key 'name': it is already on line 5",
        "4 mistakes in the configuration; nothing was run.",
    ]
    assert [path.name for path in tmp_path.iterdir()] == ["settings.yaml"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("tasks:\n\t- 1\n", ":2: broken YAML: a tab; YAML allows only spaces"),
        ("tasks: [1\n", ":2: broken YAML: while parsing a flow sequence expected ',' or ']', but got '<stream end>'"),
        ("", ": expected a mapping, found nothing"),
    ],
)
def test_invalid_settings_files(invoke, written, text, message):
    """Each error is printed in one line."""
    config = written(text)
    answer = invoke("run", "counting", "--config", config)
    assert answer.exit_code == 2
    assert answer.stderr == f"{config}{message}\n1 mistake in the configuration; nothing was run.\n"


def test_a_configuration_that_is_not_there(invoke, tmp_path):
    """A file that does not exist, and a folder, are mistakes in the command."""
    answer = invoke("run", "counting", "--config", tmp_path / "gone.yaml")
    assert (answer.exit_code, "found: No such file or directory" in answer.stderr) == (2, True)
    answer = invoke("run", "counting", "--config", tmp_path)
    assert (answer.exit_code, "is a directory" in answer.stderr) == (2, True)


def test_an_unreachable_server(command, written):
    """One line names the server; exit status 1."""
    url = "http://me:hunter2@127.0.0.1:9/api"
    done = command("run", "counting", "--config", written("tasks: 1\n"), PREFECT_API_URL=url)
    assert done.returncode == 1
    assert done.stdout == ""
    [line] = done.stderr.splitlines()
    assert line.startswith("expected a Prefect server at http://***@127.0.0.1:9/api (PREFECT_API_URL), found none: ")


@pytest.mark.usefixtures("variables")
def test_missing_settings(command, prefect_api):
    """The error names Variable, file and command; exit status 2, without a traceback."""
    done = command("run", "counting", PREFECT_API_URL=prefect_api)
    assert done.returncode == 2
    assert f"Variable dept_department_for_tests_counting_config on {prefect_api}" in done.stderr
    assert "configs/variables/department_for_tests/counting.yaml" in done.stderr
    assert "uv run department-for-tests run counting --config FILE" in done.stderr
    assert "Traceback" not in done.stderr


HELP = """
import sys
from dataclasses import replace
from airnub_prefect.command import main
from department_for_tests.department import DEPARTMENT

sys.argv = ["x", "run", "--help"]
try:
    main(DEPARTMENT)
finally:
    print({"prefect", "pydantic", "rich", "httpx"} & set(sys.modules))
"""


def test_help_is_fast(environment):
    """`--help` imports neither Prefect nor the modules of the commands."""
    answer = subprocess.run([sys.executable, "-c", HELP], env=environment, capture_output=True, text=True, check=True)
    assert answer.stdout.splitlines()[-1] == "set()"
