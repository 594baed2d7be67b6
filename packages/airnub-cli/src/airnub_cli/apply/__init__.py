"""The Prefect backend as files: what it should hold is read from the repository, compared, and what differs is sent.

applying      the order of things: read everything, compare everything, then send
change        one difference between the repository and the server, and how it is sent
environment   `local`, `staging`, `production`: what each changes in the files
overlay       how changes are laid over a file
placeholders  `${NAME}` in files: values and secrets from the environment or from `.env`
sources       YAML files of a folder, checked; every mistake at once
variables     `configs/variables/`: the settings of each stage
work_pools    `infra/work-pools/`: pools and their queues
templates     base job templates of the types of pools, with our defaults in them
blocks        `configs/blocks/`: values and secrets that flows are given by name
automations   `configs/automations/`
notifications  an automation for each department, made from the registry
server        the Prefect API, in plain JSON
command       `airnub apply`
"""
