"""The `airnub` command, which manages the whole workspace and is never part of an image.

Each command has a package or a module of its name; `command` in a package has the arguments: `adopt`, `affected`,
`apply`, `backup` (and restore), `check`, `compile`, `contract`, `dev`, `doctor`, `images`, `kubernetes`, `new`,
`remove`, `retention`, `rotate`, `sbom`, `template`, `test`, `upgrade`. `lazy_commands` imports a command when it is
used.

Modules that several commands share:

workspace       the members of this checkout, and their dependencies
configuration   files of configs/ and infra/work-pools/, and environments
data_contracts  contracts of datasets and events, and their checks
lock            uv.lock as a graph
installed       whether departments of this checkout are installed
cache           results of checks, by a digest of their inputs
transaction     atomic writes of many files
workspace_copy  a copy in which a change is made and locked first
yaml_editing    line-based edits of YAML files
prefect_api     the Prefect API in plain JSON
prefect_env     environment variables of Prefect as a library
subprocesses    child processes, and a parallel map over all cores
strict_model    models whose unknown keys are errors
command_error   a wrong use of a command, printed as one line
"""
