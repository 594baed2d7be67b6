"""Affected: the departments, packages and images that a change touches, each with its reasons.

repository  what is different between a commit and the files here, asked of git
members     departments and packages, of the lock and of those that it does not hold yet
graph       who stands on a package or a member, directly or through others, with the chain that leads there
locked      packages of the lock that are not what they were
files       a changed file of a member, or one that images are built by, and what it concerns
contracts   who reads what a changed contract publishes
settings    files below configs/ and infra/work-pools/, and the root prefect.yaml: whose deployments they are about
pyproject   the root pyproject.toml: whether what changed is something that tests run with
findings    what is found, gathered by whom it concerns
answer      all of it together
command     `airnub affected`
"""
