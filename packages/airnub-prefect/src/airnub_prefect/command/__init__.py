"""The command of departments, one implementation for all.

main          the commands: arguments in, exit status out
running       a stage or the pipeline
demo, site    the demo, and its sample site
listing       flows and their settings
store         looking at the content store
dataset       looking at datasets and their versions
housekeeping  removing partial files and expired versions
display       what a person sees meanwhile and at the end
"""

from airnub_prefect.command.main import main

__all__ = ["main"]
