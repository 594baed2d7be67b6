"""The `airnub` command, which manages the whole workspace and is never part of an image.

Each command has a package or a module of its name; `command` in a package has the arguments: `adopt`, `affected`,
`apply`, `backup` (and restore), `check`, `compile`, `contract`, `dev`, `doctor`, `images`, `kubernetes`, `new`,
`remove`, `retention`, `rotate`, `sbom`, `template`, `test`, `upgrade`.

Modules that several commands share:

commands        the commands by name, imported on first use; `CommandError`
workspace       the members of this checkout, their dependencies, and whether they are installed
import_errors   errors of imports, at the statement that is wrong
configuration   files of configs/ and infra/work-pools/, and environments
data_contracts  contracts of datasets and events, and their checks
lock            uv.lock as a graph
cache           results of checks, by a digest of their inputs
transaction     atomic writes of many files
workspace_copy  a copy in which a change is made and locked first
yaml_editing    line-based edits of YAML files
prefect_api     the Prefect API in plain JSON
subprocesses    child processes: captured output, a parallel map over all cores, the end of process trees
"""
