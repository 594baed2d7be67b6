"""Benchmarks, run by hand or at night with `uv run --all-packages python -m benchmarks.NAME`; `README.md` lists all."""
