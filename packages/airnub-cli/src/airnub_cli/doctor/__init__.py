"""`airnub doctor`: what is missing or odd on this machine, each with the command that mends it.

tools     uv, Python, Docker; `DoctorFinding`, the result of one check
checkout  the lock, the environment, `prefect.yaml`, `.env`, the disk
prefect   the port, the server that is configured, settings that get in the way
command   `airnub doctor`
"""
