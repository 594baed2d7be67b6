"""`airnub check`: check the whole workspace, and report all mistakes at once with file and line.

runner            which checks there are, their order, and their cache
unchanged         digests of what checks read, and the cached result of a whole check
conformance       names and files of members, their registration in the root's `pyproject.toml`, `uv.lock`
isolation         undeclared imports; tests and Dockerfiles of departments are independent
import_contracts  the import contracts of the root's `pyproject.toml`, on a graph of all imports
committed_files   conflict markers, passwords and tokens in plain text, `.env` in git
environments      deployments, the root's `prefect.yaml`, and the desired state of the server, in each environment
descriptions      departments that still have the template's descriptions
command           `airnub check`: mistakes and warnings as text, JSON or GitHub annotations

Data contracts are checked by `airnub_cli.data_contracts`.
"""
