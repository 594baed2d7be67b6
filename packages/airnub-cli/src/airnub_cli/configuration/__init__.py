"""Readers of the configuration files that several commands share.

environment         `configs/environments/<name>.yaml`, overrides of the base configuration
environment_names   names of environments and of types of pools, for `--help`
overlay             the merge of overrides into the base configuration
registry            `configs/departments.yaml`: owners of departments; the forms of a department's name
generated_sections  sections of the root's files, generated from the registry
pools               work pools, and the base job templates of their types
entry_files         YAML files that each describe one object of the Prefect server
placeholders        `${NAME}` in files: values and secrets from the environment or from `.env`
"""
