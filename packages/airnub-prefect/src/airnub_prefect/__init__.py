"""The Prefect edge: the only shared code that imports Prefect. Departments import its modules by name.

    settings      what a stage is told, typed
    resolution    where that comes from: parameter, else Variable, else YAML
    tasks         tasks that any department may use
    conclusion    publishes what became of every item, then says whether the run failed
    artifacts     what a run shows in Prefect
    department    what a department consists of; its command is `command.main`
    secrets       values of secrets, by the name of their block
    testing       fixtures for the tests of departments

Nothing is imported here: a command must be able to start the embedded server before it imports Prefect itself.
"""

__all__ = ["artifacts", "conclusion", "department", "resolution", "secrets", "settings", "tasks", "testing"]
