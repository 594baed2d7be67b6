"""The `airnub` command: the workspace seen as a whole. Never in an image.

workspace      the members of this checkout, and who stands on whom
isolation      a member's wheel, alone in a new environment with what it declares, and its tests there
departments    new ones, new categories of one, and the end of one
deployments    the departments' prefect.yaml checked, and made into one for a whole environment
backend        the Prefect backend as files: `airnub apply`
configuration  the files that both of them read
images         one for each department, named by what goes into it
dev            the whole system on a laptop, without Docker
retention      runs that the vacuum of the server removes
backup         the whole system to a folder or a bucket, and back
doctor         what is missing or odd on a machine
rotate         a new password for a database of the system that Compose runs
"""
