"""`airnub apply`: the Prefect server as code; its objects are compared with files, and differences are sent.

desired_state  the order: read everything, compare everything, then send; which environment a server has
variables      `configs/variables/`: the settings of each stage, and the secrets that they name
work_pools     `infra/work-pools/`: pools and their queues
blocks         `configs/blocks/`: values and secrets that flows load by name
automations    `configs/automations/`
receivers      the departments that an automation with `block: notifications` reports to
notifications  an automation for each department that reports failed runs, made from the registry
command        `airnub apply`
"""
