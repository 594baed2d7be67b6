"""`airnub doctor`: check the setup of this machine, with a command to fix each problem.

tools     uv, Python, Docker; `DoctorFinding`, the result of one check
checkout  the lock, the environment, `prefect.yaml`, `.env`, the disk
prefect   the port, the configured server, conflicting settings
command   `airnub doctor`
"""
