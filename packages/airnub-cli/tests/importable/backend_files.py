"""Files of the repositories that tests make."""

ZOMBIES = """\
name: {name}
trigger:
  type: event
  posture: Proactive
  match: {{prefect.resource.id: "prefect.flow-run.*"}}
  match_related: {{prefect.resource.id: prefect.tag.airnub, prefect.resource.role: tag}}
  after: [prefect.flow-run.heartbeat]
  expect: [prefect.flow-run.heartbeat, prefect.flow-run.Completed]
  for_each: [prefect.resource.id]
  threshold: 1
  within: {within}
actions:
  - {{type: change-flow-run-state, state: CRASHED, message: No heartbeat}}
"""
POOL = """\
name: {name}
type: docker
description: Runs of a shop.
job_variables:
  mem_limit: 1g
  env: {{PREFECT_FLOWS_HEARTBEAT_FREQUENCY: "30"}}
queues:
  - {{name: default, priority: 2}}
  - {{name: urgent, priority: 1}}
"""
