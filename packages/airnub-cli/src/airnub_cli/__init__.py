"""The `airnub` command: the workspace seen as a whole. Never in an image.

A folder, or a module, is called as its command is typed; `command` in it has the arguments: `adopt`, `affected`,
`apply`, `backup` (and restore), `check`, `compile`, `contract`, `dev`, `doctor`, `images`, `kubernetes`, `new`,
`remove`, `retention`, `rotate`, `sbom`, `template`, `test`, `upgrade`. `lazy_commands` imports a command when it is
used.

What several commands share:

workspace       the members of this checkout, and their dependencies
configuration   files of configs/ and infra/work-pools/, and environments
data_contracts  what departments publish and read
lock            uv.lock as a graph
installed       whether departments of this checkout can be imported
cache           results of checks, by a digest of their inputs
transaction     many files at once, all or none
workspace_copy  a copy in which a change is made and locked first
yaml_editing    entries of YAML files, added and removed by lines
prefect_api     the Prefect API in plain JSON
prefect_env     environment variables of Prefect as a library
subprocesses    programs that commands start, and work on all cores
strict_model    models whose unknown keys are errors
command_error   what a command cannot do, in one line
"""
