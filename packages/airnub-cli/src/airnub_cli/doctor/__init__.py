"""`airnub doctor`: check the setup of this machine, with a command to fix each problem.

machine  uv, Python, Docker; lock, environment, `prefect.yaml`, `.env`, disk; `DoctorFinding`, the result of one check
prefect  the port, the configured server, conflicting settings
command  `airnub doctor`
"""
