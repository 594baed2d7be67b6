"""`airnub remove`: the end of a department, in the repository and on the server."""
