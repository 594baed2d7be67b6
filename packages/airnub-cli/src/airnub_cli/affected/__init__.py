"""`airnub affected`: the departments, packages and images that a change affects, each with its reasons.

repository        what differs between a commit and the files here, asked of git
graph             targets with their reasons; members of the lock, which depend on one, and by which chain
changed_files     files of members, images, contracts, the root's pyproject.toml and the lock, and what each affects
changed_settings  files below configs/ and infra/work-pools/, and the root's prefect.yaml: whose deployments they change
command           `airnub affected`: all of it together
"""
