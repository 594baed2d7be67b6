"""Datasets compared with plain polars, the tables of the previous version, and dlt: processor time, seconds, memory.

    uv run --all-packages python -m benchmarks.datasets

`works` defines the workloads and their goals; `../README.md` has the figures.
"""
