"""`airnub remove`: the end of a department, in the repository and on the server.

removal         what goes in the repository
remote_objects  what the Prefect server has of a department, and deleting that
command         `airnub remove`
"""
