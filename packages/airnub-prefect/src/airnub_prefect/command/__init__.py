"""The command line of departments, one implementation for all.

main          the command with its subcommands; `options` that several of them share
run           a stage or the pipeline; the selection of sources
demo, site    the demo, and its sample site
list          flows and their settings
store         the content store; `store_objects` and `store_urls` do the work
dataset       datasets; `dataset_contents` and `dataset_versions` do the work
housekeeping  remove partial files and expired versions
locations     where the store and the datasets are
display       messages, progress bars and tables
"""

from airnub_prefect.command.main import main

__all__ = ["main"]
