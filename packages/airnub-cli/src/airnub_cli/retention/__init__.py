"""`airnub retention`: count the runs that the vacuum of the Prefect server will remove.

expired   runs, task runs and artifacts past the retention, counted by the API
command   `airnub retention`
"""
