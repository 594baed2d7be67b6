"""`airnub compile`: from the departments' own `prefect.yaml` to one file for an environment, all of it checked before.

deployment_schema  what may stand in a `prefect.yaml`, strictly
department_file    a department's file with its lines, the tags of its owner, its names among all others
entrypoints        the flow that a deployment names, and whether parameters fit it
deployment_check   one deployment by itself
department_check   one imported department: `department.py`, its flows, the settings of its stages
import_checks      every department, in processes, cached
workspace_check    all deployments, the registry and the environments
compilation        the file of an environment
command            `airnub compile`
"""
