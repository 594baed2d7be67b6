"""Deployments: from the departments' own `prefect.yaml` to one file for a whole environment, all of it checked before.

schema         what may stand in a `prefect.yaml`; `triggers` what in its triggers
entrypoints    the flow that a deployment names, and whether parameters fit it
placeholders   what Prefect fills in while it deploys, and what it would fill with nothing
steps          what a deployment pulls before a run
sources        a department's file with its lines
deployment     what is wrong with one deployment by itself
names          those that come twice, and those that triggers wait for in vain
overlays       what an environment names and nobody has
checking       every mistake of all files at once
ownership      the tags that say whose a deployment is
compilation    the file of an environment
command        `airnub compile`
"""
