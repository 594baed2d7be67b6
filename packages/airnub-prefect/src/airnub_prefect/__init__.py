"""Prefect integration: the only shared code that imports Prefect. Departments import its modules by name.

Settings: `settings`, `settings_names`, `resolution` (parameter, else Variable, else YAML), `yaml_file` and
`validation` (every error with its line), `blocks` and `secrets`, `places` (data root), `dotenv_file`, `errors`.

Flows of a department: `department` (what it consists of), `tasks` (one for each kind of source), `datasets` (a task
for each), `pipeline`, `conclusion` (how a stage ends), `housekeeping` with `cleanup` and `integrity`, `run_names`,
`steps` (of deploying).

What a run shows: `artifacts`, `progress`, `plot`, `check_report`, `assets`, `events` and `behind` (datasets that are
behind).

Runs: `command` (the command of departments), `session`, `embedded` (a private server), `api_url`, `importing` (every
flow, when an image is built), `testing` (fixtures).

Workers and server: `worker`, `run_containers`, `subflows`, `exit_status`, `lease_storage`, `server_database`,
`json_logs`, `worker_metrics`, `disk`.

`moved` (modules and names of the version before) is the only module that is imported here: a command must be able to
start the embedded server before it imports Prefect.
"""

from airnub_prefect.moved import MOVED

__all__ = ["artifacts", "conclusion", "department", "resolution", "secrets", "settings", "tasks", "testing"]

MOVED.install()
