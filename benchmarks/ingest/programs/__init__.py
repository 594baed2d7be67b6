"""The programs that are timed, each in a separate process: our public call, and the peers that are libraries.

Programs of peers (`with_*.py`) run in a separate environment, in which nothing of this repository can be imported.
Each program prints the seconds of the job, without the start of its process.
"""
