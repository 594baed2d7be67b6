"""The Prefect adapter: the only shared code that imports Prefect. Departments import its modules by name.

Settings: `settings`, `setting_values`, `settings_resolution` (parameter, else Variable, else YAML), `yaml_file` and
`validation` (every error with its line), `selection` (sources of one run), `blocks` and `secrets`, `paths` (data root),
`dotenv_file`, `errors`.

Flows of a department: `department` (its stages, pipeline and demo), `tasks` (one for each kind of source), `datasets`
(a task for each), `pipeline`, `finish_stage`, `housekeeping` with `cleanup` and `integrity`, `run_names`, `steps` (of
deploying).

Results of a run: `artifacts`, `progress`, `plot`, `check_report`, `assets`, `events`, `run_logs` and `stale_datasets`.

Runs: `command` (the command of departments), `exit_codes` (of all commands), `session`, `embedded` (a private server),
`api_url`, `image_check` (every flow, when an image is built), `testing` (fixtures).

Workers and server: `worker` (its drain, Docker, metrics), `lease_storage`, `server_database`, `json_logs`, `disk`.

Only `moved` (former modules and names) is imported here: a command must be able to start the embedded server before it
imports Prefect.
"""

from airnub_prefect.moved import MOVED

__all__ = ["artifacts", "department", "finish_stage", "secrets", "settings", "settings_resolution", "tasks", "testing"]

MOVED.install()
