"""Datasets beside plain polars, the tables of the version before, and dlt: processor time, seconds, memory.

    uv run --all-packages python -m benchmarks.datasets

`works` says what is run and which goals it has; `README.md` what the figures were.
"""
