"""The files that several commands read, each understood in one place.

environment         `configs/environments/<name>.yaml`, what is different there
environment_names   names of environments and of types of pools, for `--help`
overlay             how what is different is laid over what is written
registry            `configs/departments.yaml`: owners of departments; the forms of a department's name
generated_sections  what is made from the registry in files of the root
pools               work pools, and the base job templates of their types
entry_files         YAML files that each describe one object of the Prefect server
placeholders        `${NAME}` in files: values and secrets from the environment or from `.env`
"""
