"""The department command, one implementation for all departments: `demo`, `run`, `list`, `store`.

main       the commands: arguments in, exit status out
running    runs stages and the demo, and ends with a report
display    what a person sees meanwhile and at the end
store      looking at the content store
"""

from airnub_prefect.command.main import main

__all__ = ["main"]
