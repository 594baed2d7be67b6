"""The embedded server: a private Prefect API for one command, started before Prefect is imported.

server      start the server, wait until it is ready, drain and stop it
process     the process of the server: `python -m airnub_prefect.embedded.process`
database    the tables, created from a shipped snapshot of Prefect's schema
"""
