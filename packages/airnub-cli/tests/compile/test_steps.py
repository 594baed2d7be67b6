"""Steps."""

from airnub_cli.compile.steps import wrong_steps

DIRECTORY = "prefect.deployments.steps.set_working_directory"


def test_steps_of_prefect():
    """With their arguments, and with those that every step takes."""
    assert list(wrong_steps([{DIRECTORY: {"directory": "/", "id": "there"}}])) == []


def test_steps_that_prefect_would_miss_when_a_run_starts():
    """A function that is not there, an argument that it does not take, one that is missing."""
    assert list(wrong_steps([{"prefect.deployments.steps.nothing": {}}, {DIRECTORY: {"directry": "/"}}])) == [
        (
            (0, "prefect.deployments.steps.nothing"),
            "expected a step such as prefect.deployments.steps.git_clone, found 'prefect.deployments.steps.nothing'",
        ),
        ((1, DIRECTORY, "directry"), "unknown argument of the step; did you mean 'directory'?"),
        ((1, DIRECTORY), "missing argument 'directory' of the step"),
    ]
