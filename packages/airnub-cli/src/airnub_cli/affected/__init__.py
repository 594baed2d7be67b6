"""`airnub affected`: the departments, packages and images that a change affects, each with its reasons.

repository        the difference between a commit and the working tree, from git
graph             targets with their reasons; members of the lock, which depend on one, and by which chain
changed_files     files of members, images, contracts, the root's pyproject.toml and the lock, and what each affects
changed_settings  files of configs/ and infra/work-pools/, the root's prefect.yaml, and the deployments that they affect
rules             what each changed file affects: all of it together
command           `airnub affected`
"""
