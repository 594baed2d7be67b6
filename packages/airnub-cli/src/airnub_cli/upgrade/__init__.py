"""`airnub upgrade`: upgrade the system of docker-compose.yml while runs continue.

compose   the resolved configuration, the running containers, and commands
plan      the steps, unavoidable losses, and reasons to reject the upgrade
command   `airnub upgrade`
"""
