"""`airnub remove`: remove a department from the repository and the Prefect server.

removal         files and entries to remove from the repository
remote_objects  objects of a department on the Prefect server, and their deletion
command         `airnub remove`
"""
