"""The embedded server: a private Prefect API for one command, started before Prefect is imported.

server      the command's side: start, wait until ready, drain, stop
process     the server's side: `python -m airnub_prefect.embedded.process`
database    the tables, made from a shipped snapshot of what Prefect's migrations make
"""
