"""What is timed, each in a process of its own: our public call, and the jobs given to peers that are libraries.

Those of the peers (`with_*.py`) run in the peers' own environment, where nothing of this repository can be imported.
Each prints the seconds of the job without the start of its process.
"""
