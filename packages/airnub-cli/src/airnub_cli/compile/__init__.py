"""`airnub compile`: check the departments' `prefect.yaml` files, and merge them into one for an environment.

deployment_schema  the strict schema of a `prefect.yaml`
department_file    a department's file with line numbers, owner tags, unique names
entrypoints        the flow that a deployment names, and whether its parameters fit the flow
deployment_check   one deployment by itself
department_check   one imported department: `department.py`, its flows, the settings of its stages
import_checks      imports of every department in parallel, cached
workspace_check    all deployments, the registry and the environments
compilation        the file of an environment
command            `airnub compile`
"""
