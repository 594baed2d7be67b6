"""The command line of departments, one implementation for all.

main          all commands with their arguments
run           a stage or the pipeline
demo, site    the demo, and its sample site
list          flows and their settings
store         inspect the content store
dataset       inspect datasets and their versions
housekeeping  remove partial files and expired versions
display       messages, progress bars and tables
"""

from airnub_prefect.command.main import main

__all__ = ["main"]
