"""`airnub check`: everything that must hold in the workspace, every mistake at once, with file and line.

runner            which checks there are, their order, and their cache
report            mistakes and warnings as text, JSON or GitHub annotations
unchanged         digests of what checks read, and the cached result of a whole check
conformance       names and files of members, their registration in the root's `pyproject.toml`, `uv.lock`
isolation         what sources import against what is declared; tests and Dockerfiles of departments by themselves
import_contracts  the import contracts of the root's `pyproject.toml`, on a graph of all imports
committed_files   conflict marks, passwords and tokens in plain text, `.env` in git
environments      deployments, the root's `prefect.yaml`, and the desired state of the server, in each environment
descriptions      departments that still describe themselves in the template's words
command           `airnub check`

Data contracts are checked by `airnub_cli.data_contracts`.
"""
