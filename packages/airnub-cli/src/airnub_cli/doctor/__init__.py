"""What is missing or odd on this machine, each with the command that mends it.

command   `airnub doctor`
finding   what was found, and how bad it is
tools     uv, Python, Docker
checkout  the lock, the environment, `prefect.yaml`, `.env`, the disk
prefect   the port, the server that is configured, settings that get in the way
"""
