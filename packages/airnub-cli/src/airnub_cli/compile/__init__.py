"""`airnub compile`: check the departments' `prefect.yaml` files, and merge them into one for an environment.

schedule             valid schedules of a deployment
prefect_yaml_schema  the strict schema of a `prefect.yaml`
prefect_yaml         a department's file with line numbers, owner tags, unique names
deployment_check     one deployment by itself, with the flow that it names and its parameters
department_check     one imported department: `department.py`, its flows, the settings of its stages
workspace_check      all departments, imported in parallel and cached; the registry and the environments
compilation          the file of an environment
command              `airnub compile`
"""
