"""`airnub retention`: what the database vacuum of the Prefect server will remove.

expired   runs, task runs and artifacts past the retention, counted by the API
command   arguments in, a table out
"""
