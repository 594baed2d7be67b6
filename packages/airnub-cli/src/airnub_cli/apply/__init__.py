"""`airnub apply`: the Prefect server as code; its objects are compared with files, and differences are sent.

desired_state  the order: read everything, compare everything, then send; which environment a server has
variables      `configs/variables/`: the settings of each stage, and the secrets that they name
work_pools     `infra/work-pools/`: pools and their queues
blocks         `configs/blocks/`: values and secrets that flows load by name
automations    `configs/automations/`
notifications  alerts to departments, and an automation for each department that reports its failed runs
command        `airnub apply`
"""
